import { describe, expect, it } from 'vitest';
import { fitLine } from '../line.js';

describe('the line of least squares', () => {
  it('goes through points that are on one', () => {
    const { from, each } = fitLine([
      [10, 0.3],
      [30, 0.5],
      [140, 1.6],
    ]);
    expect(from).toBeCloseTo(0.2);
    expect(each).toBeCloseTo(0.01);
  });

  it('is as far above as below where they are not', () => {
    const { from, each } = fitLine([
      [0, 1],
      [0, 3],
      [2, 5],
      [2, 7],
    ]);
    expect(from).toBeCloseTo(2);
    expect(each).toBeCloseTo(2);
  });

  it('is none through one point', () => {
    expect(() => fitLine([[1, 1]])).toThrow(RangeError);
    expect(() => fitLine([])).toThrow(RangeError);
  });
});
