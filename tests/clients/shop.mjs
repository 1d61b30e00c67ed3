// What the Node programs share: where the server is, its restart, and a sale told in commands that every client
// can send as they are.
import assert from 'node:assert/strict';
import net from 'node:net';

export const port = Number(process.env.HOLDFAST_PORT);

// Answers once the server listens again, on the same data.
export function restartServer() {
  return new Promise((resolve, reject) => {
    const control = net.connect(Number(process.env.HOLDFAST_CONTROL), '127.0.0.1');
    control.on('error', reject);
    control.on('data', () => {
      control.end();
      resolve();
    });
    control.write('restart\n');
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
