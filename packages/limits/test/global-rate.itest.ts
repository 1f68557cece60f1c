import {
  connectRedis,
  createGlobalRate,
  createKeyedRate,
  type GlobalRate,
  GRACE_MS,
  LARGEST_UNCERTAINTY_MS,
  type Reservation,
} from '@mersal/limits';
import { engines, ownRedis, randomName } from '@mersal/testkit';
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
  it('gives what was not used to others, and the whole rate though every sixth request is late', async () => {
    const key = randomName('rate');
    const [a, b] = [await rate(key, 80), await rate(key, 80)];
    const written: number[] = [];
    const from = performance.now() + 1_500;
    const until = from + 4_000;
    const work = async (limiter: GlobalRate): Promise<void> => {
      for (let n = 0; performance.now() < until; ) {
        const got = await limiter.reserve(4);
        if (got.kind === 'wait')
          await new Promise((resolve) => setTimeout(resolve, Math.max(0, got.retryAt - performance.now())));
        else
          for (const instant of got.instants) {
            n += 1;
            if (n % 12 === 0) instant.unused();
            else {
              const at = instant.at + (n % 6 === 1 ? 60 : 0);
              instant.written(at);
              written.push(at);
            }
          }
      }
    };
    await Promise.all([work(a.rate), work(b.rate)]);
    expect(worstSecond(written)).toBeLessThanOrEqual(80);
    const steady = written.filter((at) => at >= from && at < until).length / 4;
    // Of every twelve instants one is not used, and its place only comes back once that is told.
    expect(steady).toBeGreaterThan(70);
  });
  it('does not start over with a burst when Redis is flushed', async () => {
    const key = randomName('rate');
    const { rate: limiter, redis } = await rate(key, 80);
    const before = await take(limiter, 40);
    await redis.del(`mersal:log:${key}`);
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

  /** The first reservation that is one. */
  async function instants(limiter: GlobalRate, most: number): Promise<Reservation & { kind: 'instants' }> {
    for (;;) {
      const got = await limiter.reserve(most);
      if (got.kind === 'instants') return got;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, got.retryAt - performance.now())));
    }
  }

  it('gives at most four instants, none more than 250 ms and their length ahead, however hard it is pressed', async () => {
    const { rate: limiter } = await rate(randomName('rate'), 80);
    await instants(limiter, 1);
    for (let n = 0; n < 200; n += 1) {
      const got = await limiter.reserve(1_000);
      const now = performance.now();
      if (got.kind === 'wait') continue;
      expect(got.instants.length).toBeLessThanOrEqual(4);
      expect((got.instants[0]?.at ?? 0) - now).toBeLessThanOrEqual(250);
    }
  });

  it('a refusal is an answer and no error, and burns nothing: the next instant stays where it was', async () => {
    const { rate: limiter } = await rate(randomName('rate'), 10);
    await instants(limiter, 4);
    // Where an instant comes into reach meanwhile and is given, the next refusals name the one behind it.
    const stories: number[][] = [[]];
    for (let n = 0; n < 100; n += 1) {
      const got = await limiter.reserve(4);
      if (got.kind === 'wait') stories.at(-1)?.push(got.retryAt);
      else stories.push([]);
    }
    expect(stories.flat().length).toBeGreaterThan(80);
    // A slow way to Redis makes single ones name an earlier moment; none names a later one.
    for (const waits of stories.filter((one) => one.length > 0)) {
      const sorted = waits.toSorted((a, b) => a - b);
      const middle = sorted[Math.floor(sorted.length / 2)] as number;
      expect((sorted.at(-1) as number) - middle).toBeLessThan(20);
    }
  });

  it('an instant is void once its grace is over', async () => {
    const { rate: limiter } = await rate(randomName('rate'), 80);
    const [instant] = (await instants(limiter, 1)).instants;
    if (!instant) throw new Error('no instant');
    expect(instant.isValid(instant.at + GRACE_MS)).toBe(true);
    expect(instant.isValid(instant.at + GRACE_MS + 0.1)).toBe(false);
  });

  it('voids what it gave while the clock of Redis is not known well enough, and needs one quick answer for that', async () => {
    const redis = connectRedis({ url: (await engines()).redis, onError: () => undefined });
    open.push(redis);
    await expect.poll(() => redis.status).toBe('ready');
    let slow = 0;
    let reads = 0;
    // Read once before and once after the round trip: the second is made to look later.
    const now = (): number => performance.now() + (reads++ % 2 === 1 ? slow : 0);
    const limiter = createGlobalRate({ redis, key: randomName('rate'), perSecond: 80, now });
    slow = LARGEST_UNCERTAINTY_MS + 1;
    expect((await limiter.reserve(1)).kind).toBe('wait');
    slow = 0;
    reads = 0;
    await instants(limiter, 1);
    // Known by now: a slow answer takes nothing away from what it gives.
    reads = 0;
    slow = 30;
    const sentAt = performance.now();
    const got = await limiter.reserve(1);
    if (got.kind !== 'instants') throw new Error('void');
    expect((got.instants[0]?.at ?? 0) - sentAt).toBeGreaterThanOrEqual(0);
    expect((got.instants[0]?.at ?? 0) - sentAt).toBeLessThan(300);
  });

  it('starts a whole second late where its key is missing, for whoever asks first', async () => {
    const key = randomName('rate');
    const { rate: limiter, redis } = await rate(key, 80);
    await instants(limiter, 1);
    await redis.del(`mersal:log:${key}`);
    const askedAt = performance.now();
    expect((await limiter.reserve(1)).kind).toBe('wait');
    expect((await instants(limiter, 1)).instants[0]?.at).toBeGreaterThanOrEqual(
      askedAt + 1_000 - LARGEST_UNCERTAINTY_MS,
    );
  });

  it('goes by the clock of Redis, whatever the clocks of the processes say', async () => {
    const key = randomName('rate');
    const a = await rate(key, 80);
    const redis = connectRedis({ url: (await engines()).redis, onError: () => undefined });
    open.push(redis);
    await expect.poll(() => redis.status).toBe('ready');
    const DAY_MS = 86_400_000;
    const b = createGlobalRate({ redis, key, perSecond: 80, now: () => performance.now() + DAY_MS });
    const shifted: GlobalRate = {
      atOnce: b.atOnce,
      reserve: async (most) => {
        const got = await b.reserve(most);
        if (got.kind === 'wait') return { ...got, retryAt: got.retryAt - DAY_MS };
        return { ...got, instants: got.instants.map((one) => ({ ...one, at: one.at - DAY_MS })) };
      },
    };
    const [first, second] = await Promise.all([take(a.rate, 50), take(shifted, 50)]);
    expect(worstSecond([...first, ...second])).toBeLessThanOrEqual(80);
  });

  it('leaves its key a time to live: no limiter is blocked for ever by an old one', async () => {
    const key = randomName('rate');
    const { rate: limiter, redis } = await rate(key, 80);
    await instants(limiter, 1);
    expect(await redis.ttl(`mersal:log:${key}`)).toBeGreaterThan(3_600);
  });

  it('asks again after a second at the latest, however far ahead Redis has the next instant', async () => {
    const { rate: limiter } = await rate(randomName('rate'), 0.1);
    const got = await limiter.reserve(1);
    expect(got.kind === 'wait' && got.retryAt).toBeLessThanOrEqual(performance.now() + 1_000);
  });

  it('refuses a connection that runs the script of another limiter', async () => {
    const { redis } = await rate(randomName('rate'), 80);
    const now = (): number => performance.now();
    expect(() => createKeyedRate({ redis, prefix: 'x', now })).toThrow(TypeError);
    expect(() => createGlobalRate({ redis, key: 'x', perSecond: 1, now })).toThrow(/connection/);
  });

  it('does not wait for a Redis that is gone, nor long for one that is frozen, and queues nothing for later', async () => {
    await using own = await ownRedis({ appendOnly: false });
    const redis = connectRedis({ url: own.url, onError: () => undefined });
    open.push(redis);
    await expect.poll(() => redis.status).toBe('ready');
    const key = randomName('rate');
    const limiter = createGlobalRate({ redis, key, perSecond: 80, now: () => performance.now() });
    await instants(limiter, 1);
    own.freeze();
    const frozenAt = performance.now();
    await expect(limiter.reserve(1)).rejects.toMatchObject({ code: 'rate_unavailable' });
    expect(performance.now() - frozenAt).toBeLessThan(2_000);
    // Frozen as it is: it never answers what it was asked last.
    await own.kill();
    await expect.poll(() => redis.status).not.toBe('ready');
    const goneAt = performance.now();
    for (let n = 0; n < 50; n += 1)
      await expect(limiter.reserve(1)).rejects.toMatchObject({ code: 'rate_unavailable' });
    expect(performance.now() - goneAt).toBeLessThan(500);
    await own.start();
    await expect.poll(() => redis.status, { timeout: 10_000 }).toBe('ready');
    // Had one of those asks been queued, or written again to the new connection, the key would be there by now.
    await redis.ping();
    expect(await redis.exists(`mersal:log:${key}`)).toBe(0);
  });
});
