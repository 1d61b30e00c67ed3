// keyv with its redis adapter: a cache in front of a slow catalogue.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import { eventually, port } from './shop.mjs';

const url = `redis://127.0.0.1:${port}`;
const cache = new Keyv(new KeyvRedis(url), { namespace: 'catalogue' });
const other = new Keyv(new KeyvRedis(url), { namespace: 'prices' });
after(() => Promise.all([cache.disconnect(), other.disconnect()]));

test('values of every shape come back', async () => {
  for (const value of ['text', 7, true, null, [1, 2], { name: 'mask', sizes: ['S', 'M'] }]) {
    await cache.set('value', value);
    assert.deepEqual(await cache.get('value'), value);
  }
  assert.equal(await cache.get('absent'), undefined);
});

test('what has a time to live is gone after it', async () => {
  await cache.set('brief', 'v', 30);
  assert.equal(await cache.get('brief'), 'v');
  await eventually(async () => (await cache.get('brief')) === undefined);
});

test('many at once', async () => {
  await cache.setMany([{ key: 'm1', value: 1 }, { key: 'm2', value: 2 }]);
  assert.deepEqual(await cache.get(['m1', 'absent', 'm2']), [1, undefined, 2]);
  assert.equal(await cache.delete('m1'), true);
  assert.equal(await cache.has('m1'), false);
  assert.equal(await cache.deleteMany(['m2', 'value']), true);
});

test('a namespace is cleared alone', async () => {
  await cache.set('k', 'mine');
  await other.set('k', 'theirs');
  await cache.clear();
  assert.equal(await cache.get('k'), undefined);
  assert.equal(await other.get('k'), 'theirs');
});
