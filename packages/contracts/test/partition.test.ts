import { murmur2, partitionFor } from '@mersal/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('murmur2', () => {
  // The vectors of Kafka's own UtilsTest.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of "%s" is what the Java client computes', (text, hash) => {
    expect(murmur2(Buffer.from(text, 'utf8'))).toBe(hash);
  });
  it('is a 32-bit signed integer for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(murmur2(bytes)).toBe(murmur2(bytes) | 0);
      }),
    );
  });
});

describe('partitionFor', () => {
  it('is stable, and one of the partitions', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 10_000 }), (key, partitions) => {
        const partition = partitionFor(key, partitions);
        expect(partition).toBe(partitionFor(key, partitions));
        expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true);
      }),
    );
  });
  // Those hashes without their sign, modulo 48 and 12: another answer would tear conversations apart that are in a log.
  it.each([
    ['21', 12, 0],
    ['foobar', 30, 6],
    ['a-little-bit-long-string', 32, 8],
    ['a-little-bit-longer-string', 35, 11],
    ['abc', 27, 3],
  ])('puts "%s" where the Java client does', (key, of48, of12) => {
    expect(partitionFor(key, 48)).toBe(of48);
    expect(partitionFor(key, 12)).toBe(of12);
  });
  it('spreads restaurants evenly', () => {
    const counts = Array.from({ length: 12 }, () => 0);
    for (let n = 0; n < 12_000; n += 1) {
      const at = partitionFor(`restaurant-${n}`, 12);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1_150);
  });
  it.each([0, -1, 1.5, Number.NaN])('refuses %s partitions', (partitions) =>
    expect(() => partitionFor('r1', partitions)).toThrow(RangeError),
  );
});
