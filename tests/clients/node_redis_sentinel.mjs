// node-redis in Sentinel mode: a sale goes on when the primary is killed.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { createSentinel } from 'redis';
import { sellThroughAFailover, sentinels } from './shop.mjs';

// Once it has made for a primary that is dead, but not yet replaced, it waits until that one is back and asks no Sentinel
// meanwhile: so its sockets are not to try again.
const sentinel = createSentinel({
  name: 'sale', sentinelRootNodes: sentinels, scanInterval: 200,
  nodeClientOptions: { socket: { reconnectStrategy: false } },
});
const send = (...words) => sentinel.sendCommand(false, words);
sentinel.on('error', () => {});  // while nobody leads
before(() => sentinel.connect());
after(() => sentinel.destroy());

test('every answer stands after a failover, and buyers go on', async () => {
  const held = await sellThroughAFailover(send);
  assert.equal((await send('ROLE'))[0], 'master');
  assert.deepEqual(await send('STOCK.GET', 'mask', 'available', 'held'), ['available', 10000 - held, 'held', held]);
});
