import { describe, expect, it } from 'vitest';
import { percentile, spread } from '../spread.js';

describe('percentiles', () => {
  it('are values that were measured', () => {
    const hundred = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });
  it('are shown with the range of what repeats', () => {
    expect(spread([3, 1, 2])).toBe('2 (1–3)');
    expect(spread([1.25], 1)).toBe('1.3');
  });
});
