import { connectRedis, GRACE_MS, logLimit, SlidingLog } from '@mersal/limits';
import { engines, ownRedis, randomName } from '@mersal/testkit';
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { OUTSTANDING_MS } from '../src/sliding-log.js';
import { reportScript, reserveScript } from '../src/sliding-log.lua.js';

const open: Redis[] = [];
async function connect(url: string): Promise<Redis> {
  const redis = connectRedis({ url, onError: () => undefined });
  open.push(redis);
  await expect.poll(() => redis.status).toBe('ready');
  return redis;
}
afterEach(() => {
  for (const redis of open.splice(0)) redis.disconnect();
});

const PER_SECOND = 80;
const LIMIT = logLimit(PER_SECOND);
const INTERVAL_US = (LIMIT.windowMs / LIMIT.requests) * 1_000;

/** What the script answers, in ms. */
async function reserve(redis: Redis, key: string, most: number, leadMs: number) {
  const { requests, windowMs } = LIMIT;
  const answer = (await redis.eval(reserveScript, 1, key, most, leadMs, requests, windowMs / 1_000)) as [
    number,
    string,
  ];
  const [now = Number.NaN, ...at] = answer[1].split(' ').map((us) => Number(us) / 1_000);
  return { refused: answer[0] > requests, count: answer[0], now, at };
}

/** Numbers in [0, 1) that come again from the same seed. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe('the sliding log in Redis', () => {
  it('gives the instants that the rule gives, for any story of asks and reports', async () => {
    const redis = await connect((await engines()).redis);
    for (const seed of [1, 2]) {
      const key = randomName('log');
      const random = numbers(seed);
      let model: SlidingLog | undefined;
      const issued: number[] = [];
      let granted = 0;
      for (let step = 0; step < 250; step += 1) {
        const [most, lead] = [1 + Math.floor(random() * 4), 8 + Math.floor(random() * 50)];
        const got = await reserve(redis, key, most, lead);
        model ??= new SlidingLog(LIMIT, got.now);
        const expected = model.reserve(got.now, most, lead);
        if (expected.kind === 'wait') {
          expect(got.refused).toBe(true);
          expect(got.at).toEqual([expected.next]);
        } else {
          // To the µs: else the two differ over what is just within the horizon.
          expect(got.at).toEqual(expected.at);
          granted += got.count;
          issued.push(...expected.at);
        }
        const [instant] = random() < 0.5 ? issued.splice(Math.floor(random() * issued.length), 1) : [];
        if (instant !== undefined) {
          const used = random() < 0.7;
          const by = instant + random() * GRACE_MS * 1.2;
          if (used) model.written(instant, by);
          else model.unused(instant);
          const report = used ? (by * 1_000).toFixed(0) : '';
          await redis.eval(reportScript, 1, key, INTERVAL_US, (instant * 1_000).toFixed(0), report);
        }
        if (got.refused) await new Promise((later) => setTimeout(later, 10));
      }
      expect(granted).toBeGreaterThan(30);
      expect(await redis.zcard(key)).toBeLessThan(PER_SECOND * 2);
    }
  });

  it('begins anew as the rule does where the clock was set back, by the pace alone as well as by what was written', async () => {
    const redis = await connect((await engines()).redis);
    // What an hour back leaves behind: all of it an hour ahead, or what one of the three holds.
    for (const ahead of ['everything', 'pace', 'last', 'instants']) {
      const key = randomName('log');
      await reserve(redis, key, 1, 8);
      await expect
        .poll(async () => (await reserve(redis, key, 4, 8)).refused, { interval: 50, timeout: 5_000 })
        .toBe(false);
      const held = await redis.zrange(key, '0', '-1');
      for (const member of held.filter((one) => !one.startsWith('run:'))) {
        const kind = member === 'pace' || member === 'last' ? member : 'instants';
        if (ahead === kind || ahead === 'everything')
          await redis.zincrby(key, (kind === 'instants' ? 1 : -1) * 3_600_000_000, member);
      }
      const got = await reserve(redis, key, 4, 8);
      // A rule that has the same behind it.
      const model = new SlidingLog(LIMIT, got.now + 3_600_000);
      expect(model.reserve(got.now, 4, 8)).toEqual({ kind: 'wait', next: got.at[0] });
      expect(got.refused).toBe(true);
      await new Promise((later) => setTimeout(later, LIMIT.windowMs + OUTSTANDING_MS - 200));
      const after = await reserve(redis, key, 4, 8);
      expect(model.reserve(after.now, 4, 8)).toEqual({ kind: 'instants', at: after.at });
    }
  });

  it('begins anew behind a server that another one was before: a copy of old knows nothing of the last second', async () => {
    await using own = await ownRedis({ appendOnly: true });
    const redis = await connect(own.url);
    const key = randomName('log');
    await expect
      .poll(async () => (await reserve(redis, key, 1, 8)).refused, { interval: 50, timeout: 5_000 })
      .toBe(false);
    expect(await redis.exists(key)).toBe(1);
    await own.kill();
    await own.start();
    await expect.poll(() => redis.status, { timeout: 10_000 }).toBe('ready');
    // It has the key still, and goes on from it no more.
    expect(await redis.exists(key)).toBe(1);
    const got = await reserve(redis, key, 1, 8);
    expect(got.refused).toBe(true);
    expect((got.at[0] ?? 0) - got.now).toBeGreaterThan(1_000);
  });
});
