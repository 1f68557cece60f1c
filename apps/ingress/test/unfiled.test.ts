import { expect, it } from 'vitest';
import { unfiledOf } from '../src/metrics/unfiled.js';

it('counts what lies behind admission, over all partitions', () => {
  const ends = new Map([
    [0, 10n],
    [1, 5n],
    [2, 7n],
  ]);
  // Admission passed a record of partition 1 that came after its end was read; of 2 nothing was ever admitted.
  const admitted = new Map([
    [0, 4n],
    [1, 6n],
  ]);
  expect(unfiledOf(ends, admitted)).toBe(13);
});
