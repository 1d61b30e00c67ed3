// What the Node programs share: where the server is, its restart, and a sale told in commands that every client
// can send as they are.
import assert from 'node:assert/strict';
import net from 'node:net';

export const port = Number(process.env.HOLDFAST_PORT);

// Of run_group.py.
export const sentinels = (process.env.HOLDFAST_SENTINELS ?? '').split(',').filter(Boolean)
  .map((text) => ({ host: '127.0.0.1', port: Number(text) }));

// Answers once the server listens again, on the same data.
export const restartServer = () => control('restart');
const killPrimary = () => control('kill');

function control(word) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(process.env.HOLDFAST_CONTROL), '127.0.0.1');
    socket.on('error', reject);
    socket.on('data', () => {
      socket.end();
      resolve();
    });
    socket.write(`${word}\n`);
  });
}

export async function eventually(condition, milliseconds = 10_000) {
  const until = Date.now() + milliseconds;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > until) throw new Error('it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// `call` sends one command and gives its reply; an error reply is thrown.
export async function sellOut(call, sku) {
  assert.equal(await call('STOCK.CREATE', sku, '3', 'LIMIT', '2'), 'OK');
  const [status, units, deadline, left] = await call('RESERVE', sku, 'order-1', '2', 'EX', '600', 'BUYER', 'ann');
  assert.deepEqual([status, units, left], ['HELD', 2, 1]);
  assert.ok(deadline > Date.now() + 500_000);

  // A refusal is an answer, not an exception; a retry takes no second unit.
  assert.deepEqual(await call('RESERVE', sku, 'order-2', '1', 'BUYER', 'ann'), ['LIMIT', 0, 0, 0]);
  assert.deepEqual(await call('RESERVE', sku, 'order-1', '2', 'BUYER', 'ann'), ['HELD', 2, deadline, 1]);

  assert.equal((await call('RESERVE', sku, 'order-3', '1', 'BUYER', 'bob'))[0], 'HELD');
  assert.deepEqual(await call('RESERVE', sku, 'order-4', '1', 'BUYER', 'eve'), ['SOLDOUT', 0, 0, 0]);
  assert.deepEqual(await call('CONFIRM', sku, 'order-1'), ['CONFIRMED', 2]);
  assert.deepEqual(await call('RELEASE', sku, 'order-3'), ['RELEASED', 1]);
  assert.deepEqual(await call('STOCK.AVAIL', sku, 'absent'), [1, null]);
}

// Clients wait for an answer for good: who wants to hear why a sale stands still says how long.
function within(milliseconds, answer, words) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer to ${words.join(' ')}`)), milliseconds);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

// Four buyers, one unit after the other; the primary is killed after 200 of them, and 200 more must follow. Whoever got
// an error asks again under the same hold id. How many units were told to be held; each is looked up again.
export async function sellThroughAFailover(send) {
  const call = (...words) => within(5_000, send(...words), words);
  assert.equal(await call('STOCK.CREATE', 'mask', '10000', 'TTL', '3600'), 'OK');
  const held = [];
  let killed = false;
  const until = Date.now() + 60_000;
  const reserve = async (hold) => {
    for (;;) {
      try {
        return await call('RESERVE', 'mask', hold, '1');
      } catch (error) {
        if (Date.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const buy = async (buyer) => {
    for (let number = 0; held.length < 400; ++number) {
      const hold = `${buyer}:${number}`;
      assert.equal((await reserve(hold))[0], 'HELD');
      held.push(hold);
      if (held.length >= 200 && !killed) {
        killed = true;
        await killPrimary();
      }
    }
  };
  await Promise.all(['ann', 'bob', 'eve', 'joe'].map(buy));
  for (const hold of held) {
    const found = await call('HOLD.GET', 'mask', hold);
    assert.deepEqual(Array.isArray(found) ? found.slice(1, 4) : found, [hold, 'state', 'HELD']);
  }
  return held.length;
}
