import { distinctHashes, templateEvent, type TemplateEvent } from '@mersal/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventBuffer } from '../src/events/event-buffer.js';
import { EventSummaries } from '../src/events/event-summaries.js';
import type { RecordedEvent } from '../src/events/recorded-event.js';
import { CountsByKey, OTHER_KEYS } from '../src/metrics/counts.js';
import { Recorder } from '../src/metrics/recorder.js';
import { SpikeWatch, WINDOW_MS } from '../src/metrics/spike-watch.js';
import { collectingLogger } from './collecting-logger.js';

const START = 1_790_000_000_000;
const kind = fc.constantFrom('hit' as const, 'miss' as const, 'creation' as const);

function recorderAt(clock: { now: number }, kafka = true) {
  const logger = collectingLogger();
  const events: RecordedEvent[] = [];
  const recorder = new Recorder({
    logger,
    wallClock: () => clock.now,
    defaultTenant: 'default',
    ...(kafka ? { publish: (event) => events.push(event) } : {}),
  });
  return { logger, events, recorder };
}

describe('recording', () => {
  it('counts everything, in all and by key, and passes each on', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ kind, key: fc.constantFrom('welcome', 'menu', 'x') })), (given) => {
        const { recorder, events } = recorderAt({ now: START });
        for (const one of given) recorder.record(one.kind, one.key, 'h1-abc', undefined);
        const of = (which: string, key?: string): number =>
          given.filter((one) => one.kind === which && (key === undefined || one.key === key)).length;
        const { hits, misses, creations, totalRequests, hitRate, missRate } = recorder.metrics();
        expect([hits, misses, creations]).toEqual([of('hit'), of('miss'), of('creation')]);
        expect(totalRequests).toBe(hits + misses);
        if (totalRequests === 0) expect([hitRate, missRate]).toEqual([null, null]);
        else expect((hitRate ?? 0) + (missRate ?? 0)).toBeCloseTo(1);
        for (const [key, counts] of Object.entries(recorder.report().byKey))
          expect(counts.hits).toBe(of('hit', key));
        expect(events.map(({ kind: which, key }) => ({ kind: which, key }))).toEqual(given);
      }),
    );
  });

  it('makes events that fit their schema, with what it was told', () => {
    const { recorder, events } = recorderAt({ now: START });
    recorder.record('hit', 'key', 'hash123', 'sid123', { source: 'database' });
    recorder.record('miss', 'k'.repeat(256), 'h', undefined, { reason: 'r'.repeat(200), restaurantId: 'r1' });
    for (const event of events)
      expect(templateEvent.safeParse({ ...event, producer: 'p', sequence: 1 }).success).toBe(true);
    expect(events[0]).toMatchObject({
      kind: 'hit',
      key: 'key',
      hash: 'hash123',
      sid: 'sid123',
      source: 'database',
    });
    expect(events[0]).toMatchObject({ tenant: 'default', at: START });
    expect(events[1]).toMatchObject({ tenant: 'r1' });
    for (const key of ['', 'k'.repeat(257)])
      expect(() => recorder.record('hit', key, 'h', undefined)).toThrow(RangeError);
    expect(recorder.metrics().hits).toBe(1);
  });

  it('writes the lines that people grep for', () => {
    const { recorder, logger } = recorderAt({ now: START });
    recorder.record('hit', 'welcome', 'abc12345678', 'HX123456');
    recorder.record('miss', 'categories', 'h1-xyz789012345', undefined);
    recorder.record('creation', 'categories', 'h1-xyz789012345', 'HX789012');
    expect(logger.lines).toEqual([
      ['debug', '📊 HIT - welcome (hash: abc12345..., sid: HX123456)'],
      ['debug', '⚠️ MISS - categories (hash: xyz78901...)'],
      ['info', '🆕 CREATION - categories (hash: xyz78901..., sid: HX789012)'],
    ]);
  });

  it('of 20,000 events keeps the newest 10,000 in detail while nobody takes them, and the counts of all', () => {
    const buffer = new EventBuffer(10_000);
    const clock = { now: START };
    const recorder = new Recorder({
      logger: collectingLogger(),
      wallClock: () => clock.now,
      defaultTenant: 'default',
      publish: (event) => buffer.add(event),
    });
    for (let n = 0; n < 20_000; n += 1) {
      clock.now += 1;
      recorder.record(n % 3 ? 'hit' : 'miss', `key-${n % 50}`, 'h', undefined);
    }
    expect(recorder.metrics().totalRequests).toBe(20_000);
    const { detailed, waiting, trimmed, dropped } = buffer;
    expect({ detailed, waiting, trimmed, dropped }).toEqual({
      detailed: 10_000,
      waiting: 20_000,
      trimmed: 10_000,
      dropped: 0,
    });

    const left = { detailed: 0, counted: 0 };
    const byKey = new Map<string, { hits: number; misses: number }>();
    for (let batch = buffer.take(500); batch.length > 0; batch = buffer.take(500)) {
      for (const { key, kind: which, count, at } of batch) {
        if (count !== undefined) left.counted += count;
        else {
          left.detailed += 1;
          expect(at).toBe(START + 10_000 + left.detailed);
        }
        const counts = byKey.get(key) ?? { hits: 0, misses: 0 };
        counts[which === 'hit' ? 'hits' : 'misses'] += count ?? 1;
        byKey.set(key, counts);
      }
      buffer.acknowledge();
    }
    expect(left).toEqual({ detailed: 10_000, counted: 10_000 });
    expect(byKey.size).toBe(50);
    for (const [key, counts] of Object.entries(recorder.report().byKey))
      expect(byKey.get(key)).toEqual({ hits: counts.hits, misses: counts.misses });
    expect(buffer.waiting).toBe(0);
  });

  it('stays bounded over any number of keys, without losing a count', () => {
    const counts = new CountsByKey();
    for (let n = 0; n < 5_000; n += 1) counts.add('miss', `key-${n}`);
    const byKey = counts.byKey();
    expect(Object.keys(byKey).length).toBe(1_001);
    expect(byKey[OTHER_KEYS]?.misses).toBe(4_000);
    expect(counts.total.misses).toBe(5_000);
  });
});

describe('a spike of misses', () => {
  it('is told once when it opens and once when it ends', () => {
    const clock = { now: START };
    const { recorder, logger } = recorderAt(clock, false);
    const alerts = (): string[] => logger.lines.filter(([level]) => level === 'warn').map(([, line]) => line);
    for (let n = 0; n < 7; n += 1) recorder.record('hit', 'k', 'h', undefined);
    for (let n = 0; n < 12; n += 1) recorder.record('miss', 'k', 'h', undefined);
    expect(alerts()).toEqual([]);
    recorder.record('miss', 'k', 'h', undefined);
    expect(alerts()).toEqual(['🚨 ALERT: Cache miss spike detected! Miss rate: 65.0%']);
    for (let n = 0; n < 50; n += 1) recorder.record('miss', 'k', 'h', undefined);
    expect(alerts()).toHaveLength(1);
    clock.now += WINDOW_MS + 10_000;
    recorder.record('hit', 'k', 'h', undefined);
    expect(recorder.report()).toMatchObject({ spike: false, window: { totalRequests: 1 } });
    expect(logger.lines.at(-1)).toEqual(['info', 'the spike of cache misses is over']);
  });

  it('sees exactly what its panes hold', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, fc.nat(60_000))), (steps) => {
        const watch = new SpikeWatch();
        const seen: [string, number][] = [];
        let now = START;
        for (const [which, passed] of steps) {
          now += passed;
          watch.add(which, now);
          seen.push([which, now]);
        }
        const oldest = (Math.floor(now / 10_000) - WINDOW_MS / 10_000 + 1) * 10_000;
        const inside = seen.filter(([, at]) => at >= oldest);
        const { hits, misses, creations } = watch.window(now);
        expect(hits + misses + creations).toBe(inside.length);
        expect(misses).toBe(inside.filter(([which]) => which === 'miss').length);
      }),
    );
  });
});

describe('a spike of one process among many', () => {
  it('is no alert: the windows of all processes are judged together', () => {
    const { recorder, logger } = recorderAt({ now: START });
    for (let n = 0; n < 100; n += 1) recorder.record('miss', 'k', 'h', undefined);
    expect(logger.lines.filter(([, line]) => line.includes('🚨'))).toEqual([]);
    expect(recorder.report().spike).toBe(true);
  });
});

describe('events that wait', () => {
  const event = (n: number): RecordedEvent => ({
    kind: n % 3 === 0 ? 'miss' : 'hit',
    key: `k${n % 4}`,
    hash: `h${n % 7}`,
    tenant: 't',
    at: START + n,
    ...(n % 2 ? { sid: `HX${n % 5}` } : {}),
  });

  it('leave in order, are bounded, and every one of them is counted, trimmed or not', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), n: fc.nat(30) }),
      fc.record({ do: fc.constant('take' as const), n: fc.integer({ min: 1, max: 15 }) }),
      fc.record({ do: fc.constantFrom('acknowledge' as const, 'drop' as const), n: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const buffer = new EventBuffer(20, 'p');
        let added = 0;
        let acknowledged = 0;
        let last = 0;
        let lastDetailed = START;
        let batch: readonly TemplateEvent[] = [];
        for (const { do: what, n } of steps) {
          if (what === 'add') for (let i = 0; i < n; i += 1) buffer.add(event((added += 1)));
          else if (what === 'take') {
            const taken = buffer.take(n);
            if (batch.length > 0) expect(taken).toEqual(batch);
            else
              for (const one of taken) {
                expect(one.sequence).toBe((last += 1));
                expect(templateEvent.safeParse(one).success).toBe(true);
                if (one.count !== undefined) continue;
                expect(one).toEqual({ ...event(one.at - START), producer: 'p', sequence: last });
                expect(one.at).toBeGreaterThan(lastDetailed);
                lastDetailed = one.at;
              }
            batch = taken;
          } else {
            if (what === 'acknowledge') acknowledged += buffer.acknowledge();
            else buffer.drop();
            batch = [];
          }
          expect(buffer.detailed).toBeLessThanOrEqual(35);
          expect(acknowledged + buffer.waiting + buffer.dropped).toBe(added);
        }
      }),
    );
  });

  it('lose their detail past the bound, but no count by key, pane and reason, and tell distinct hashes', () => {
    const buffer = new EventBuffer(10);
    const miss = (n: number): RecordedEvent => ({
      kind: 'miss',
      key: 'menu',
      hash: `h${n}`,
      tenant: 't',
      at: START + n * 100,
      reason: 'redis_away',
    });
    for (let n = 0; n < 250; n += 1) buffer.add(miss(n));
    for (let n = 0; n < 10; n += 1) buffer.add({ ...miss(300), kind: 'hit' });
    const taken = buffer.take(100);
    const misses = taken.filter(({ kind: which }) => which === 'miss');
    expect(misses.map(({ count, hashes }) => [count, distinctHashes(hashes ?? [])])).toEqual([
      [100, 100],
      [100, 100],
      [50, 50],
    ]);
    expect(misses.every(({ reason }) => reason === 'redis_away')).toBe(true);
    expect(new Set(misses.map(({ at }) => Math.floor(at / 10_000))).size).toBe(3);
    expect(buffer.trimmed).toBe(250);
  });

  it('are summed up in bounded space, however many keys and panes they have', () => {
    const summaries = new EventSummaries(50);
    for (let n = 0; n < 5_000; n += 1)
      summaries.add({ ...event(n), key: n < 2_000 ? 'k' : `k${n}` }, START + n * 10_000);
    expect(summaries.events).toBe(5_000);
    const taken = summaries.take(1_000);
    expect(taken.length).toBeLessThanOrEqual(55);
    expect(taken.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(5_000);
    expect(taken.find(({ key, kind: which }) => key === 'k' && which === 'hit')?.count).toBe(1_333);
    expect(taken.some(({ key }) => key === OTHER_KEYS)).toBe(true);
    expect(summaries.events).toBe(0);
  });
});
