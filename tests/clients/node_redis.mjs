// node-redis in both protocols: sessions, counters, pipelines, a sale, a restart.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { createClient, ErrorReply, WatchError } from 'redis';
import { eventually, port, restartServer, sellOut } from './shop.mjs';

for (const RESP of [2, 3]) {
  const client = createClient({ RESP, socket: { host: '127.0.0.1', port, reconnectStrategy: () => 20 } });
  const named = (name, run) => test(`RESP${RESP}: ${name}`, run);
  const key = (name) => `${RESP}:${name}`;
  const send = (...words) => client.sendCommand(words);
  client.on('error', () => {});  // while the server restarts

  before(() => client.connect());
  after(() => client.destroy());

  named('a session lives as long as it was given', async () => {
    assert.equal(await client.set(key('session'), 'cart', { expiration: { type: 'EX', value: 600 } }), 'OK');
    const ttl = await client.ttl(key('session'));
    assert.ok(ttl > 590 && ttl <= 600);
    await client.pExpire(key('session'), 20);
    await eventually(async () => (await client.get(key('session'))) === null);
  });

  named('counters count what many ask at once', async () => {
    const counts = await Promise.all(Array.from({ length: 200 }, () => client.incr(key('visits'))));
    assert.deepEqual(counts, Array.from({ length: 200 }, (_, i) => i + 1));
  });

  named('a hash is an object', async () => {
    await client.hSet(key('product'), { name: 'mask', price: '2' });
    assert.deepEqual({ ...(await client.hGetAll(key('product'))) }, { name: 'mask', price: '2' });
  });

  named('an error is thrown as the client throws them', async () => {
    await client.set(key('text'), 'text');
    await assert.rejects(client.incr(key('text')), (error) => {
      assert.ok(error instanceof ErrorReply);
      assert.match(error.message, /^ERR value is not an integer/);
      return true;
    });
    await assert.rejects(client.hGet(key('text'), 'f'), /WRONGTYPE /);
  });

  named('a pipeline answers each command', async () => {
    const replies = await client.multi().set(key('p'), '1').incr(key('p')).get(key('p')).execAsPipeline();
    assert.deepEqual(replies, ['OK', 2, '2']);
  });

  named('a transaction happens whole, and not at all when its watched key changed', async () => {
    assert.deepEqual(await client.multi().set(key('a'), '1').incr(key('a')).exec(), ['OK', 2]);
    const other = await client.duplicate().connect();
    await other.watch(key('a'));
    await client.set(key('a'), '9');
    await assert.rejects(other.multi().set(key('a'), '3').exec(), WatchError);
    assert.equal(await client.get(key('a')), '9');
    other.destroy();
  });

  named('subscribers hear channels and patterns', async () => {
    const subscriber = await client.duplicate().connect();
    const heard = [];
    await subscriber.subscribe(key('news'), (message, channel) => heard.push([channel, message]));
    await subscriber.pSubscribe(`${RESP}:n*`, (message, channel) => heard.push(['pattern', channel, message]));
    assert.equal(await client.publish(key('news'), 'hello'), 2);
    await eventually(() => heard.length === 2);
    assert.deepEqual(heard, [[key('news'), 'hello'], ['pattern', key('news'), 'hello']]);
    if (RESP === 3) assert.equal(await subscriber.get(key('nothing')), null);
    await subscriber.unsubscribe(key('news'));
    await subscriber.pUnsubscribe(`${RESP}:n*`);
    assert.equal(await client.publish(key('news'), 'hello'), 0);
    assert.equal(await subscriber.get(key('nothing')), null);
    subscriber.destroy();
  });

  named('a walk finds every key', async () => {
    await Promise.all(Array.from({ length: 300 }, (_, i) => client.set(key(`walk:${i}`), 'v')));
    const found = new Set();
    for await (const keys of client.scanIterator({ MATCH: key('walk:*'), COUNT: 50 })) keys.forEach((name) => found.add(name));
    assert.equal(found.size, 300);
  });

  named('a sale, by commands that node-redis does not know', async () => {
    await sellOut(send, key('sku'));
    await assert.rejects(send('CONFIRM', key('sku'), 'unknown'), /NOHOLD /);
  });

  named('a look-up is a map where the protocol has maps', async () => {
    const found = await send('STOCK.GET', key('sku'), 'sold', 'supplied');
    if (RESP === 2) {
      assert.deepEqual(found, ['sold', 2, 'supplied', 3]);
    } else {
      assert.deepEqual({ ...found }, { sold: 2, supplied: 3 });
    }
  });

  named('after a restart it goes on by itself, and nothing acknowledged is gone', async () => {
    await send('STOCK.CREATE', key('restart'), '2');
    await send('RESERVE', key('restart'), 'order-1', '1');
    await restartServer();
    await eventually(async () => client.isReady);
    assert.deepEqual(await send('CONFIRM', key('restart'), 'order-1'), ['CONFIRMED', 1]);
    assert.equal(await client.get(key('p')), '2');
  });
}
