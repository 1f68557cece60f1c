import { createServer, connect as connectTo, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  connectRedis,
  createKeyedRate,
  KEYED_HORIZON_MS,
  type KeyedRate,
  type RateAsk,
} from '@mersal/limits';
import { engines, ownRedis, randomName } from '@mersal/testkit';
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function client(
  prefix: string,
  url?: string,
  now: () => number = () => performance.now(),
): Promise<{ rate: KeyedRate; redis: Redis }> {
  const address = url ?? (await engines()).redis;
  const redis = connectRedis({ url: address, autoPipelining: true, onError: () => undefined });
  closers.push(() => redis.disconnect());
  await expect.poll(() => redis.status).toBe('ready');
  return { redis, rate: createKeyedRate({ redis, prefix, now }) };
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Takes instants of one key as fast as they are given, until `until` (ms, monotonic). */
async function take(rate: KeyedRate, ask: () => RateAsk, until: number): Promise<number[]> {
  const taken: number[] = [];
  while (performance.now() < until) {
    const [grant] = await rate.reserve([ask()]);
    if (!grant) throw new Error('no grant');
    if (grant.granted) taken.push(grant.at);
    else await sleep(Math.min(grant.waitMs, 50));
  }
  return taken.toSorted((a, b) => a - b);
}

function worstSecond(instants: readonly number[]): number {
  const sorted = instants.toSorted((a, b) => a - b);
  let worst = 0;
  let from = 0;
  for (const [to, at] of sorted.entries()) {
    while (at - (sorted[from] as number) >= 1_000) from += 1;
    worst = Math.max(worst, to - from + 1);
  }
  return worst;
}

describe('rates by key', () => {
  it('hold in any 1,000 ms over two clients, each key at its own rate, and little of them is wasted', async () => {
    const prefix = randomName('keyed');
    const [a, b] = [await client(prefix), await client(prefix)];
    const until = performance.now() + 3_500;
    const rates = [40, 10, 3.5];
    const all = await Promise.all(
      rates.map(async (perSecond) => {
        const ask = () => ({ key: `tenant-${perSecond}`, perSecond });
        const halves = await Promise.all([take(a.rate, ask, until), take(b.rate, ask, until)]);
        expect(halves[0].length).toBeGreaterThan(0);
        expect(halves[1].length).toBeGreaterThan(0);
        return halves.flat().toSorted((x, y) => x - y);
      }),
    );
    for (const [n, instants] of all.entries()) {
      const perSecond = rates[n] as number;
      expect(worstSecond(instants)).toBeLessThanOrEqual(Math.ceil(perSecond));
      const seconds = ((instants.at(-1) as number) - (instants[0] as number)) / 1_000;
      expect((instants.length - 1) / seconds).toBeGreaterThan(perSecond * 0.95);
    }
  });

  it('change from one call to the next: up at once, down at once', async () => {
    const { rate } = await client(randomName('keyed'));
    let perSecond = 0.2;
    const ask = () => ({ key: 'k', perSecond });
    // The first message of a slow key: its instant, and then none for five seconds.
    await expect.poll(async () => (await rate.reserve([ask()]))[0]?.granted, { interval: 20 }).toBe(true);
    const [slow] = await rate.reserve([ask()]);
    expect(slow?.granted).toBe(false);
    expect(slow?.waitMs).toBeGreaterThan(4_000);
    perSecond = 50;
    const raisedAt = performance.now();
    const fast = await take(rate, ask, raisedAt + 1_000);
    expect((fast[0] as number) - raisedAt).toBeLessThan(500);
    expect(fast.length).toBeGreaterThan(35);
    perSecond = 5;
    const after = await take(rate, ask, performance.now() + 1_500);
    expect(worstSecond([...fast.slice(-1), ...after])).toBeLessThanOrEqual(6);
    expect((after[0] as number) - (fast.at(-1) as number)).toBeGreaterThanOrEqual(1_000 / 5);
  });

  it('hold through a flush, for two clients', async () => {
    const prefix = randomName('keyed');
    const [a, b] = [await client(prefix), await client(prefix)];
    const ask = () => ({ key: 'k', perSecond: 40 });
    const until = performance.now() + 3_000;
    const taking = [take(a.rate, ask, until), take(b.rate, ask, until)];
    for (let n = 0; n < 6; n += 1) {
      await sleep(350);
      await a.redis.del(`${prefix}:k`);
    }
    const instants = (await Promise.all(taking)).flat();
    expect(worstSecond(instants)).toBeLessThanOrEqual(40);
    expect(instants.length).toBeGreaterThan(40);
  });

  it('refuse beyond the horizon, and asking again costs nothing', async () => {
    const { rate } = await client(randomName('keyed'));
    const ask = { key: 'k', perSecond: 2 };
    await expect.poll(async () => (await rate.reserve([ask]))[0]?.granted, { interval: 20 }).toBe(true);
    const refusals = [];
    for (let n = 0; n < 50; n += 1) refusals.push((await rate.reserve([ask]))[0]);
    expect(refusals.some((one) => one?.granted)).toBe(false);
    const [first, last] = [refusals[0], refusals.at(-1)];
    expect(Math.abs((last?.at ?? 0) - (first?.at ?? 0))).toBeLessThan(20);
    await sleep((last?.at ?? 0) - performance.now() + 20);
    const [granted] = await rate.reserve([ask]);
    expect(granted?.granted).toBe(true);
    expect(granted?.waitMs).toBeLessThanOrEqual(KEYED_HORIZON_MS);
  });

  it('go on within an interval and the horizon where the clock of Redis was set back, and no sooner', async () => {
    const prefix = randomName('keyed');
    const { redis } = await client(prefix);
    const [seconds = 0] = await redis.time();
    await redis.set(`${prefix}:k`, (seconds + 3_600) * 1_000_000);
    const { rate } = await client(prefix);
    const ask = { key: 'k', perSecond: 2 };
    const startedAt = performance.now();
    await expect
      .poll(async () => (await rate.reserve([ask]))[0]?.granted, { interval: 20, timeout: 3_000 })
      .toBe(true);
    expect(performance.now() - startedAt).toBeGreaterThan(1_000 / 2 - 50);
  });

  it('leave no key behind for ever', async () => {
    const prefix = randomName('keyed');
    const { rate, redis } = await client(prefix);
    const ask = { key: 'k', perSecond: 1 };
    await expect.poll(async () => (await rate.reserve([ask]))[0]?.granted, { interval: 20 }).toBe(true);
    expect(await redis.ttl(`${prefix}:k`)).toBeGreaterThan(3_600);
  });

  it('ask for many keys in one round trip', async () => {
    const upstream = new URL((await engines()).redis);
    let writes = 0;
    const sockets = new Set<Socket>();
    const proxy: Server = createServer((socket) => {
      const onward = connectTo(Number(upstream.port), upstream.hostname);
      sockets.add(socket).add(onward);
      socket.on('data', (chunk) => {
        writes += 1;
        onward.write(chunk);
      });
      onward.on('data', (chunk) => socket.write(chunk));
      for (const end of [socket, onward]) end.on('error', () => end.destroy());
    });
    await new Promise<void>((ready) => proxy.listen(0, '127.0.0.1', ready));
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    });
    const { rate } = await client(
      randomName('keyed'),
      `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    );
    await rate.reserve([{ key: 'warm', perSecond: 1 }]);
    await rate.reserve([{ key: 'warm', perSecond: 1 }]);
    writes = 0;
    const grants = await rate.reserve(
      Array.from({ length: 100 }, (_, n) => ({ key: `k${n}`, perSecond: 10 })),
    );
    expect(grants).toHaveLength(100);
    expect(rate.shared).toBe(true);
    expect(writes).toBeLessThanOrEqual(2);
  });

  it('are kept in this process while Redis is away, and go on from there when it is back', async () => {
    await using own = await ownRedis();
    const { rate, redis } = await client(randomName('keyed'), own.url);
    const ask = () => ({ key: 'k', perSecond: 20 });
    const before = await take(rate, ask, performance.now() + 1_000);
    await own.kill();
    await expect.poll(() => redis.status).not.toBe('ready');
    const startedAt = performance.now();
    const away = await take(rate, ask, startedAt + 1_500);
    expect(rate.shared).toBe(false);
    expect(away.length).toBeGreaterThan(20);
    await own.start();
    await expect.poll(() => redis.status, { timeout: 10_000 }).toBe('ready');
    const after = await take(rate, ask, performance.now() + 1_500);
    expect(rate.shared).toBe(true);
    expect(after.length).toBeGreaterThan(10);
    expect(worstSecond([...before, ...away, ...after])).toBeLessThanOrEqual(20);
  });

  it('refuse a rate that is none', async () => {
    const { rate } = await client(randomName('keyed'));
    for (const perSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1_001])
      await expect(rate.reserve([{ key: 'k', perSecond }])).rejects.toThrow(RangeError);
  });
});
