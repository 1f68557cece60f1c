import { expect, it } from 'vitest';
import { DeadlinePassed } from '../src/requests/deadline.js';
import { ReadThroughCache } from '../src/requests/read-through-cache.js';

function harness(most = 10, timeoutMs = 1_000) {
  let time = 0;
  let loads = 0;
  const cache = new ReadThroughCache<string>({
    name: 'x',
    maxAgeMs: 5_000,
    most,
    timeoutMs,
    now: () => time,
  });
  return {
    cache,
    get loads() {
      return loads;
    },
    pass: (ms: number) => (time += ms),
    get: (key: string, value: string | undefined = key) =>
      cache.get(key, () => {
        loads += 1;
        return Promise.resolve(value);
      }),
  };
}

it('remembers an answer for as long as it may, and not longer', async () => {
  const h = harness();
  expect([await h.get('a'), await h.get('a')]).toEqual(['a', 'a']);
  h.pass(2_499);
  await h.get('a');
  expect(h.loads).toBe(1);
  h.pass(2_502);
  expect(await h.get('a', 'b')).toBe('b');
  expect(h.loads).toBe(2);
});

it('loads anew what is asked for before it is too old, once, and nobody waits', async () => {
  const h = harness();
  await h.get('a', 'old');
  h.pass(2_500);
  expect(await Promise.all([h.get('a', 'new'), h.get('a', 'newer')])).toEqual(['old', 'old']);
  expect(h.loads).toBe(2);
  await new Promise((next) => setImmediate(next));
  expect(await h.get('a', 'newest')).toBe('new');
  // The age counts from when it was asked for: half of it has passed again.
  h.pass(2_500);
  await h.get('a', 'newest');
  expect(h.loads).toBe(3);
});

it('a key that is revoked meanwhile is there no more once that is known', async () => {
  const h = harness();
  await h.get('key');
  h.pass(2_500);
  const gone = (): Promise<undefined> => Promise.resolve(undefined);
  expect(await h.cache.get('key', gone)).toBe('key');
  await new Promise((next) => setImmediate(next));
  expect(await h.cache.get('key', gone)).toBeUndefined();
});

it('goes on with what it knows while it is asked anew in vain, until that is too old', async () => {
  const h = harness();
  await h.get('a');
  const down = (): Promise<string> => Promise.reject(new Error('away'));
  h.pass(2_500);
  expect(await h.cache.get('a', down)).toBe('a');
  await new Promise((next) => setImmediate(next));
  h.pass(2_500);
  expect(await h.cache.get('a', down)).toBe('a');
  await new Promise((next) => setImmediate(next));
  h.pass(1);
  await expect(h.cache.get('a', down)).rejects.toThrow('away');
});

it('an answer that was asked for before it was forgotten is not remembered', async () => {
  const h = harness();
  let answer: ((value: string) => void) | undefined;
  const slow = h.cache.get('a', () => new Promise((resolve) => (answer = resolve)));
  h.cache.forget('a');
  answer?.('old');
  expect(await slow).toBe('old');
  expect(await h.get('a', 'new')).toBe('new');
});

it('remembers that there is nothing, apart: a flood of wrong keys pushes out no right one', async () => {
  const h = harness(3);
  await h.get('right');
  const missing = (key: string) => h.cache.get(key, () => Promise.resolve(undefined));
  for (let n = 0; n < 100; n += 1) expect(await missing(`wrong-${n}`)).toBeUndefined();
  expect(h.cache.size).toBe(4);
  await h.get('right');
  expect(h.loads).toBe(1);
});

it('drops the least recently used', async () => {
  const h = harness(2);
  await h.get('a');
  await h.get('b');
  await h.get('a');
  await h.get('c');
  expect(h.loads).toBe(3);
  await h.get('a');
  expect(h.loads).toBe(3);
  await h.get('b');
  expect(h.loads).toBe(4);
});

it('asks once for callers at the same time', async () => {
  const h = harness();
  expect(await Promise.all([h.get('a'), h.get('a'), h.get('a')])).toEqual(['a', 'a', 'a']);
  expect(h.loads).toBe(1);
});

it('a failure is the callers’, also where an older answer is there, and is not remembered', async () => {
  const h = harness();
  await h.get('a');
  h.pass(5_001);
  await expect(h.cache.get('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await h.get('a')).toBe('a');
});

it('waits no longer than it may', async () => {
  const h = harness(10, 5);
  await expect(h.cache.get('a', () => new Promise(() => undefined))).rejects.toBeInstanceOf(DeadlinePassed);
});
