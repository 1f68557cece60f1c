import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartitionCursor, repositioned } from '../src/partition-cursor.js';

function cursorAt(offset: bigint): PartitionCursor {
  const cursor = new PartitionCursor('t', 0);
  cursor.moveTo(offset);
  return cursor;
}

describe('PartitionCursor', () => {
  it('accepts nothing before it is known what is due', () => {
    expect(new PartitionCursor('t', 0).accepts(0n)).toBe(false);
    expect(new PartitionCursor('t', 0).lag).toBeNull();
  });

  it('accepts what was fetched from the offset due, and nothing from before or after it', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 100n }), fc.bigInt({ min: 0n, max: 100n }), (due, fetched) => {
        expect(cursorAt(due).accepts(fetched)).toBe(due === fetched);
      }),
    );
  });

  it('follows kafkajs over offsets without records, and still accepts what is due', () => {
    const cursor = cursorAt(10n);
    cursor.passed(14n);
    expect(cursor.accepts(15n)).toBe(true);
    expect(cursor.accepts(10n)).toBe(true);
    expect(cursor.accepts(12n)).toBe(false);
    cursor.delivered(20n);
    expect(cursor.accepts(15n)).toBe(false);
    expect(cursor.accepts(21n)).toBe(true);
  });

  it('does not follow it back', () => {
    const cursor = cursorAt(10n);
    cursor.passed(4n);
    expect(cursor.accepts(5n)).toBe(false);
  });

  it('forgets where kafkajs went once it is moved, and tells the batch under way', () => {
    const cursor = cursorAt(10n);
    cursor.passed(14n);
    const signal = cursor.begin();
    cursor.moveTo(3n);
    expect(cursor.accepts(15n)).toBe(false);
    expect(signal.aborted).toBe(true);
  });

  it('is read only when nothing holds it', () => {
    const cursor = cursorAt(0n);
    expect(cursor.held).toBe(true);
    expect(cursor.hold('owner')).toBe(false);
    expect(cursor.release('assigning')).toBe(false);
    expect(cursor.release('owner')).toBe(true);
    expect(cursor.release('owner')).toBe(false);
    expect(cursor.hold('busy')).toBe(true);
    expect(cursor.hold('busy')).toBe(false);
  });
});

describe('repositioned', () => {
  it.each([
    [5n, { low: 0n, high: 10n }, 5n],
    [10n, { low: 0n, high: 10n }, 10n],
    [5n, { low: 7n, high: 10n }, 7n],
    [50n, { low: 7n, high: 10n }, 7n],
  ])('due %s in %o is read from %s', (due, log, from) => {
    expect(repositioned(due, log)).toBe(from);
  });
});
