import { connectRedis, createGlobalRate, type GlobalRate } from '@mersal/limits';
import { engines, randomName } from '@mersal/testkit';
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';

const open: Redis[] = [];
async function rate(key: string, perSecond: number): Promise<{ rate: GlobalRate; redis: Redis }> {
  const redis = connectRedis({ url: (await engines()).redis, onError: () => undefined });
  open.push(redis);
  await expect.poll(() => redis.status).toBe('ready');
  return { redis, rate: createGlobalRate({ redis, key, perSecond, now: () => performance.now() }) };
}
afterEach(() => {
  for (const redis of open.splice(0)) redis.disconnect();
});

/** Takes instants as fast as they are given, until there are `count`. */
async function take(limiter: GlobalRate, count: number): Promise<number[]> {
  const taken: number[] = [];
  while (taken.length < count) {
    const got = await limiter.reserve(4);
    if (got.kind === 'instants') taken.push(...got.instants.map((instant) => instant.at));
    // The limiter says when to ask again; asking at once is what a busy sender may do, too.
    else await new Promise((resolve) => setTimeout(resolve, Math.max(0, got.retryAt - performance.now())));
  }
  return taken;
}

function worstSecond(instants: readonly number[]): number {
  const sorted = instants.toSorted((a, b) => a - b);
  let worst = 0;
  let from = 0;
  for (const [to, at] of sorted.entries()) {
    while (at - (sorted[from] as number) >= 1000) from += 1;
    worst = Math.max(worst, to - from + 1);
  }
  return worst;
}

describe('the global rate', () => {
  it('gives two processes together no more than the limit in any 1,000 ms, and wastes little of it', async () => {
    const key = randomName('rate');
    const [a, b] = [await rate(key, 80), await rate(key, 80)];
    const [first, second] = await Promise.all([take(a.rate, 80), take(b.rate, 80)]);
    const instants = [...first, ...second].toSorted((x, y) => x - y);
    expect(worstSecond(instants)).toBeLessThanOrEqual(80);
    const seconds = ((instants.at(-1) as number) - (instants[0] as number)) / 1000;
    expect((instants.length - 1) / seconds).toBeGreaterThan(70);
  });
  it('does not start over with a burst when Redis is flushed', async () => {
    const key = randomName('rate');
    const { rate: limiter, redis } = await rate(key, 80);
    const before = await take(limiter, 40);
    await redis.del(`mersal:${key}`);
    const after = await take(limiter, 40);
    expect(worstSecond([...before, ...after])).toBeLessThanOrEqual(80);
  });
  it('voids what it gave once the connection broke, and says when Redis is away', async () => {
    const { rate: limiter, redis } = await rate(randomName('rate'), 80);
    let got = await limiter.reserve(1);
    while (got.kind === 'wait') got = await limiter.reserve(1);
    const [instant] = got.instants;
    expect(instant?.isValid(instant.at)).toBe(true);
    redis.disconnect();
    await expect.poll(() => instant?.isValid(instant.at)).toBe(false);
    await expect(limiter.reserve(1)).rejects.toMatchObject({ code: 'rate_unavailable' });
  });
});
