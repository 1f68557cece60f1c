import { expect, it } from 'vitest';
import { createIntakeRate } from '../src/intake-rate.js';

function intake(perSecond: number) {
  let now = 0;
  const rate = createIntakeRate({
    perSecond,
    redis: undefined,
    prefix: '',
    now: () => now,
    onError: () => undefined,
  });
  const burst = async (key: string, count: number): Promise<number> => {
    let admitted = 0;
    for (let n = 0; n < count; n += 1) if ((await rate.take(key, 1)).admitted) admitted += 1;
    return admitted;
  };
  return { rate, burst, later: (ms: number) => (now += ms) };
}

it('admits a second’s worth at once, then as many as the rate gives, for each key', async () => {
  const { burst, later } = intake(10);
  expect(await burst('a', 30)).toBe(10);
  expect(await burst('b', 30)).toBe(10);
  later(500);
  expect(await burst('a', 30)).toBe(5);
  later(60_000);
  expect(await burst('a', 30)).toBe(10);
});

it('says how many are left and when more are', async () => {
  const { rate, later } = intake(4);
  expect(await rate.take('a', 3)).toEqual({
    admitted: true,
    limit: 4,
    remaining: 1,
    resetMs: 750,
    retryMs: 0,
  });
  expect(await rate.take('a', 1)).toMatchObject({ admitted: true, remaining: 0, retryMs: 250 });
  expect(await rate.take('a', 1)).toMatchObject({ admitted: false, remaining: 0, retryMs: 250 });
  later(250);
  expect(await rate.take('a', 1)).toMatchObject({ admitted: true });
});

it('a batch larger than the bucket passes, and is paid for', async () => {
  const { rate, burst, later } = intake(10);
  expect(await rate.take('a', 50)).toMatchObject({ admitted: true, remaining: 0, retryMs: 4_100 });
  later(4_000);
  expect(await burst('a', 1)).toBe(0);
  later(100);
  expect(await burst('a', 10)).toBe(1);
});

it('a rate below one a second has room for one', async () => {
  const { burst, later } = intake(0.5);
  expect(await burst('a', 5)).toBe(1);
  later(1_900);
  expect(await burst('a', 5)).toBe(0);
  later(100);
  expect(await burst('a', 5)).toBe(1);
});
