// express-session with connect-redis, in front of a shop of one page.
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, before } from 'node:test';
import { RedisStore } from 'connect-redis';
import session from 'express-session';
import { createClient } from 'redis';
import { eventually, port } from './shop.mjs';

const client = createClient({ socket: { host: '127.0.0.1', port } });
const store = new RedisStore({ client, prefix: 'session:' });
const withSession = session({
  store, secret: 'shop', resave: false, saveUninitialized: false, cookie: { maxAge: 600_000 } });

// GET / adds a unit to the cart, GET /look only looks, GET /out ends the session.
const shop = http.createServer((request, response) => {
  withSession(request, response, (error) => {
    if (error) {
      response.writeHead(500).end(String(error));
    } else if (request.url === '/out') {
      request.session.destroy(() => response.end('bye'));
    } else {
      if (request.url === '/') request.session.cart = (request.session.cart ?? 0) + 1;
      response.end(String(request.session.cart ?? 'empty'));
    }
  });
});

before(async () => {
  await client.connect();
  await new Promise((resolve) => shop.listen(0, '127.0.0.1', resolve));
});
after(() => {
  shop.close();
  shop.closeAllConnections();
  client.destroy();
});

async function visit(path, cookie) {
  const response = await fetch(`http://127.0.0.1:${shop.address().port}${path}`, { headers: cookie ? { cookie } : {} });
  assert.equal(response.status, 200);
  return { text: await response.text(), cookie: response.headers.get('set-cookie')?.split(';')[0] ?? cookie };
}

test('a cart fills over requests, one for each visitor', async () => {
  const first = await visit('/');
  assert.equal(first.text, '1');
  assert.equal((await visit('/', first.cookie)).text, '2');
  assert.equal((await visit('/')).text, '1');
  assert.equal((await visit('/look', first.cookie)).text, '2');
});

test('the store keeps a session as long as its cookie, from the last visit on', async () => {
  await store.clear();
  const { cookie } = await visit('/');
  const [key] = (await store.ids()).map((id) => `session:${id}`);
  await client.pExpire(key, 100_000);
  assert.equal((await visit('/look', cookie)).text, '1');
  assert.ok(await client.pTTL(key) > 590_000);
  await client.pExpire(key, 20);  // nobody comes: a visit would give it its time back
  await eventually(async () => (await client.exists(key)) === 0);
  assert.equal((await visit('/look', cookie)).text, 'empty');
});

test('a session that ended is gone', async () => {
  const { cookie } = await visit('/');
  assert.equal((await visit('/out', cookie)).text, 'bye');
  assert.equal((await visit('/look', cookie)).text, 'empty');
});

test('the store counts, lists and clears its sessions', async () => {
  await store.clear();
  for (let i = 0; i < 20; ++i) await visit('/');
  assert.equal(await store.length(), 20);
  assert.equal((await store.ids()).length, 20);
  assert.deepEqual((await store.all()).map((kept) => kept.cart), Array(20).fill(1));
  await store.clear();
  assert.equal(await store.length(), 0);
});
