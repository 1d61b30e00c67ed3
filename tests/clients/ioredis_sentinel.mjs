// ioredis in Sentinel mode: a sale goes on when the primary is killed.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import Redis from 'ioredis';
import { sellThroughAFailover, sentinels } from './shop.mjs';

const redis = new Redis({
  sentinels, name: 'sale', maxRetriesPerRequest: null, retryStrategy: () => 50, sentinelRetryStrategy: () => 50,
  reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
});
redis.on('error', () => {});  // while nobody leads
after(() => redis.disconnect());

test('every answer stands after a failover, and buyers go on', async () => {
  const held = await sellThroughAFailover((...words) => redis.call(...words));
  assert.equal(await redis.call('ROLE').then((role) => role[0]), 'master');
  assert.deepEqual(await redis.call('STOCK.GET', 'mask', 'available', 'held'), ['available', 10000 - held, 'held', held]);
});
