// ioredis: sessions, counters, pipelines, a sale, a restart.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { after } from 'node:test';
import Redis from 'ioredis';
import { eventually, port, restartServer, sellOut } from './shop.mjs';

const redis = new Redis(port, { retryStrategy: () => 20 });
redis.on('error', () => {});  // while the server restarts
after(() => redis.disconnect());

// Until it is ready it may send SUBSCRIBE ahead of the INFO by which it finds out whether it is.
async function subscribing(t) {
  const subscriber = redis.duplicate();
  t.after(() => subscriber.disconnect());
  subscriber.on('error', () => {});
  await once(subscriber, 'ready');
  return subscriber;
}

test('a session lives as long as it was given', async () => {
  assert.equal(await redis.set('session:1', JSON.stringify({ cart: ['mask'] }), 'EX', 600), 'OK');
  assert.deepEqual(JSON.parse(await redis.get('session:1')), { cart: ['mask'] });
  const ttl = await redis.ttl('session:1');
  assert.ok(ttl > 590 && ttl <= 600);
  await redis.pexpire('session:1', 20);
  await eventually(async () => (await redis.get('session:1')) === null);
});

test('counters count what many ask at once', async () => {
  const counts = await Promise.all(Array.from({ length: 200 }, () => redis.incr('visits')));
  assert.deepEqual(counts, Array.from({ length: 200 }, (_, i) => i + 1));
});

test('a hash is an object, binary values come back as they went', async () => {
  await redis.hset('product', { name: 'mask', price: '2' });
  assert.deepEqual(await redis.hgetall('product'), { name: 'mask', price: '2' });
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await redis.set('bytes', bytes);
  assert.deepEqual(await redis.getBuffer('bytes'), bytes);
});

test('a pipeline answers each command, errors in their place', async () => {
  const replies = await redis.pipeline().set('p', 'text').incr('p').get('p').exec();
  assert.deepEqual(replies[0], [null, 'OK']);
  assert.equal(replies[1][0].name, 'ReplyError');
  assert.match(replies[1][0].message, /^ERR value is not an integer/);
  assert.deepEqual(replies[2], [null, 'text']);
});

test('a transaction happens whole, and not at all when its watched key changed', async () => {
  assert.deepEqual(await redis.multi().set('a', '1').incr('a').get('a').exec(),
                   [[null, 'OK'], [null, 2], [null, '2']]);
  const other = redis.duplicate();
  await other.watch('a');
  await redis.set('a', '9');
  assert.equal(await other.multi().set('a', '3').exec(), null);
  assert.equal(await redis.get('a'), '9');
  other.disconnect();
});

test('commands gathered by themselves into pipelines keep their replies apart', async () => {
  const gathering = redis.duplicate({ enableAutoPipelining: true });
  await Promise.all(Array.from({ length: 50 }, (_, i) => gathering.set(`auto:${i}`, String(i))));
  const values = await Promise.all(Array.from({ length: 50 }, (_, i) => gathering.get(`auto:${i}`)));
  assert.deepEqual(values, Array.from({ length: 50 }, (_, i) => String(i)));
  gathering.disconnect();
});

test('a walk finds every key', async () => {
  await Promise.all(Array.from({ length: 300 }, (_, i) => redis.set(`walk:${i}`, 'v')));
  const found = new Set();
  for await (const keys of redis.scanStream({ match: 'walk:*', count: 50 })) keys.forEach((key) => found.add(key));
  assert.equal(found.size, 300);
});

test('subscribers hear channels and patterns, and again by themselves after a restart', async (t) => {
  const subscriber = await subscribing(t);
  const heard = [];
  subscriber.on('message', (channel, message) => heard.push([channel, message]));
  subscriber.on('pmessage', (pattern, channel, message) => heard.push([pattern, channel, message]));
  assert.equal(await subscriber.subscribe('news', 'other'), 2);
  assert.equal(await subscriber.psubscribe('n*'), 3);
  assert.equal(await redis.publish('news', 'hello'), 2);
  await eventually(() => heard.length === 2);
  assert.deepEqual(heard.splice(0), [['news', 'hello'], ['n*', 'news', 'hello']]);
  assert.deepEqual(await redis.pubsub('NUMSUB', 'news', 'none'), ['news', 1, 'none', 0]);
  await restartServer();
  await eventually(async () => (await redis.publish('news', 'again')) === 2);
  await eventually(() => heard.length >= 2);
  assert.deepEqual(heard.slice(0, 2), [['news', 'again'], ['n*', 'news', 'again']]);
  assert.equal(await subscriber.unsubscribe('news', 'other'), 1);
  assert.equal(await subscriber.punsubscribe('n*'), 0);
  assert.equal(await subscriber.get('nothing'), null);  // an ordinary connection once more
});

test('a session that ends is told', async (t) => {
  const subscriber = await subscribing(t);
  const heard = [];
  await redis.config('SET', 'notify-keyspace-events', 'Ex');
  subscriber.on('message', (channel, key) => heard.push([channel, key]));
  await subscriber.subscribe('__keyevent@0__:expired');
  await redis.set('session:ends', 'v', 'PX', 50);
  await eventually(() => heard.length === 1);
  assert.deepEqual(heard, [['__keyevent@0__:expired', 'session:ends']]);
  await redis.config('SET', 'notify-keyspace-events', '');
});

test('a sale, by commands that ioredis does not know', async () => {
  await sellOut((...words) => redis.call(...words), 'sku:ioredis');
  const lookup = await redis.call('STOCK.GET', 'sku:ioredis', 'sold', 'supplied');
  assert.deepEqual(lookup, ['sold', 2, 'supplied', 3]);
  await assert.rejects(redis.call('CONFIRM', 'sku:ioredis', 'unknown'), { name: 'ReplyError', message: /^NOHOLD / });
});

test('after a restart it goes on by itself, and nothing acknowledged is gone', async () => {
  await redis.call('STOCK.CREATE', 'sku:restart', '2');
  await redis.call('RESERVE', 'sku:restart', 'order-1', '1');
  await restartServer();
  assert.equal((await redis.call('CONFIRM', 'sku:restart', 'order-1'))[0], 'CONFIRMED');
  assert.equal(await redis.get('p'), 'text');
});
