import { describe, expect, it } from 'vitest';
import { pruneAll } from '../src/upkeep/retention.js';

/** A ledger in which so many messages are due. */
function due(messages: number) {
  const asked: number[] = [];
  return {
    asked,
    prune: (_retention: unknown, most: number): Promise<number> => {
      const now = Math.min(most, messages);
      messages -= now;
      asked.push(now);
      return Promise.resolve(now);
    },
  };
}

describe('retention', () => {
  it('goes on until nothing is due, so that it keeps up with any rate', async () => {
    const ledger = due(4_800);
    expect(await pruneAll(ledger, 500, new AbortController().signal)).toBe(4_800);
    expect(ledger.asked).toEqual([...Array.from({ length: 9 }, () => 500), 300]);
  });

  it('ends with its process', async () => {
    const stop = new AbortController();
    const ledger = due(4_800);
    const first = pruneAll(ledger, 500, stop.signal);
    stop.abort();
    expect(await first).toBe(500);
  });
});
