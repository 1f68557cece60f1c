import { expect, test } from 'vitest';
import { retryAfterMs } from '../src/retry-after.js';

const now = Date.parse('2026-01-01T00:00:00Z');

test.each([
  [undefined, undefined],
  ['', undefined],
  ['soon', undefined],
  ['0', 0],
  ['7', 7_000],
  [' 1.5 ', 1_500],
  ['999999999', 86_400_000],
  ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
])('Retry-After %s is %s ms', (header, ms) => {
  expect(retryAfterMs(header, now)).toBe(ms);
});
