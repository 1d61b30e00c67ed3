// rate-limiter-flexible's limiter that needs no scripts, on both clients that it takes.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import Redis from 'ioredis';
import { RateLimiterRedisNonAtomic, RateLimiterRes } from 'rate-limiter-flexible';
import { createClient } from 'redis';
import { eventually, port } from './shop.mjs';

const ioredis = new Redis(port);
const nodeRedis = createClient({ socket: { host: '127.0.0.1', port } });
before(() => nodeRedis.connect());
after(() => {
  ioredis.disconnect();
  nodeRedis.destroy();
});

for (const [name, storeClient, useRedisPackage] of [['ioredis', ioredis, false], ['node-redis', nodeRedis, true]]) {
  const limiter = (options) => new RateLimiterRedisNonAtomic({ storeClient, useRedisPackage, ...options });

  test(`${name}: so many points and no more, until the time is over`, async () => {
    const logins = limiter({ keyPrefix: `${name}-logins`, points: 3, duration: 1 });
    for (const left of [2, 1, 0]) assert.equal((await logins.consume('ann')).remainingPoints, left);
    await assert.rejects(logins.consume('ann'), (refusal) => {
      assert.ok(refusal instanceof RateLimiterRes);
      assert.ok(refusal.msBeforeNext > 0 && refusal.msBeforeNext <= 1000);
      return true;
    });
    assert.equal((await logins.consume('bob')).remainingPoints, 2);
    await eventually(async () => logins.consume('ann').then(() => true, () => false));
  });

  test(`${name}: points are looked up, added, given back and forgotten`, async () => {
    const clicks = limiter({ keyPrefix: `${name}-clicks`, points: 5, duration: 600 });
    assert.equal(await clicks.get('ann'), null);
    await clicks.penalty('ann', 2);
    await clicks.reward('ann', 1);
    assert.equal((await clicks.get('ann')).consumedPoints, 1);
    await clicks.set('ann', 5, 600);
    await assert.rejects(clicks.consume('ann'));
    assert.equal(await clicks.delete('ann'), true);
    assert.equal(await clicks.get('ann'), null);
  });

  test(`${name}: who went too far is blocked`, async () => {
    const guard = limiter({ keyPrefix: `${name}-guard`, points: 1, duration: 600 });
    await guard.block('eve', 600);
    await assert.rejects(guard.consume('eve'), (refusal) => refusal.msBeforeNext > 590_000);
  });
}
