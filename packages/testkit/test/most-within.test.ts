import { mostWithin } from '@mersal/testkit';
import { expect, it } from 'vitest';

it('counts windows that begin anywhere, and leaves their end out, whatever the order', () => {
  expect(mostWithin([0, 400, 999, 1_000, 1_399], 1_000)).toBe(4);
  expect(mostWithin([1_998, 0, 999, 1_000], 1_000)).toBe(3);
  expect(mostWithin([0, 1_000, 2_000], 1_000)).toBe(1);
  expect(mostWithin([], 1_000)).toBe(0);
});
