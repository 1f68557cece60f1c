import { decodeEvent, partitionFor } from '@mersal/contracts';
import type { OutRecord } from '@mersal/kafka';
import { type Letter, Pace, redrive, type RedriveParts } from '@mersal/recovery';
import { describe, expect, it } from 'vitest';

const letter = (n: number, more: Partial<Letter<number>> = {}): Letter<number> => ({
  restaurantId: 'r1',
  u: String(n).padStart(32, '0'),
  tag: `1${'a'.repeat(12)}`,
  redrive: 2,
  refusal: null,
  traceparent: null,
  place: n,
  ...more,
});

function world(letters: readonly Letter<number>[]) {
  const published: OutRecord[] = [];
  const parts: RedriveParts<number> = {
    list: async (after, most) => letters.filter(({ place }) => place > (after ?? -1)).slice(0, most),
    publish: async (records) => void published.push(...records),
    pace: { slice: 7, take: async () => undefined },
    to: { topic: 'retry', partitions: 4, source: 'test' },
    wallClock: () => 1_800_000_000_000,
  };
  return { published, parts };
}

describe('a redrive', () => {
  it('publishes one event a letter, in their order, over pages', async () => {
    const { published, parts } = world(Array.from({ length: 1_203 }, (_, n) => letter(n)));
    const done = await redrive(parts, { by: 'me', priority: 0 });
    expect(done).toEqual({ matched: 1_203, sent: 1_203, skipped: 0, reasons: {}, next: undefined });
    const events = published.map(({ headers, value }) =>
      decodeEvent(headers as Record<string, string>, value),
    );
    expect(events.map(({ data }) => Number((data as { messageId: string }).messageId.slice(0, 32)))).toEqual(
      Array.from({ length: 1_203 }, (_, n) => n),
    );
    expect(events[0]).toMatchObject({
      type: 'mersal.send.redrive.v1',
      data: { restaurantId: 'r1', redrive: 2, requestedBy: 'me', priority: 0 },
    });
    expect(published[0]).toMatchObject({ topic: 'retry', key: 'r1', partition: partitionFor('r1', 4) });
  });

  it('carries the trace of its message, and that of what asked for it', async () => {
    const [own, asking] = ['a', 'c'].map((digit) => `00-${digit.repeat(32)}-${'b'.repeat(16)}-01`);
    const { published, parts } = world([letter(0, { traceparent: own ?? null }), letter(1)]);
    await redrive(parts, { by: 'me', operation: asking });
    await redrive(parts, { by: 'me' });
    const headers = published.map((record) => decodeEvent(record.headers as never, record.value).headers);
    expect(headers.map(({ traceparent, operation }) => [traceparent, operation])).toEqual([
      [own, asking],
      [undefined, asking],
      [own, undefined],
      [undefined, undefined],
    ]);
  });

  it('skips what can not be put back, with the reason, and only counts in a dry run', async () => {
    const letters = [letter(0), letter(1, { refusal: 'unfiled', tag: null }), letter(2)];
    const { published, parts } = world(letters);
    const dry = await redrive(parts, { by: 'me', dryRun: true });
    expect([dry.sent, published.length]).toEqual([2, 0]);
    expect(await redrive(parts, { by: 'me' })).toEqual({ ...dry, reasons: { unfiled: 1 } });
    expect(published).toHaveLength(2);
  });

  it('goes on behind the last one where it was asked for a part', async () => {
    const { published, parts } = world([0, 1, 2, 3, 4].map((n) => letter(n)));
    const first = await redrive(parts, { by: 'me', most: 2 });
    expect(first).toMatchObject({ sent: 2, next: 1 });
    const rest = await redrive(parts, { by: 'me', most: 9 }, first.next);
    expect(rest).toMatchObject({ sent: 3, next: undefined });
    expect(published).toHaveLength(5);
  });
});

describe('a pace', () => {
  it('lets so many a second through, evenly, and saves nothing up', async () => {
    let now = 0;
    const sleep = async (ms: number): Promise<void> => void (now += ms);
    const pace = new Pace({ perSecond: 200, now: () => now, sleep });
    expect(pace.slice).toBe(20);
    for (let n = 0; n < 100; n += 1) await pace.take(20);
    expect(now).toBeCloseTo(9_900, 5);
    now += 60_000;
    await pace.take(20);
    const before = now;
    await pace.take(20);
    expect(now - before).toBeCloseTo(100, 5);
    expect(new Pace({ perSecond: 1 }).slice).toBe(1);
    expect(() => new Pace({ perSecond: 0 })).toThrow(RangeError);
  });

  it('lets nothing through once it is interrupted', async () => {
    const ended = new AbortController();
    const pace = new Pace({
      perSecond: 10,
      sleep: async () => ended.abort(new Error('enough')),
      signal: ended.signal,
    });
    await pace.take(1);
    await expect(pace.take(1)).rejects.toThrow('enough');
    await expect(pace.take(1)).rejects.toThrow('enough');
  });
});
