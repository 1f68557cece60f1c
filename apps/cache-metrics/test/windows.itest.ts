import {
  type Alert,
  type AppendedEvent,
  compareReplay,
  foldEvents,
  judgeable,
  judgeWindow,
  LATENESS_MS,
  PANE_MS,
  ShadowPanes,
  SPIKE_LIMITS,
} from '@mersal/cache-windows';
import type { TemplateAlert, TemplateEvent } from '@mersal/contracts';
import {
  addPanes,
  applyRoles,
  type Database,
  migrate,
  noteCacheReadTo,
  openDatabase,
  pruneCachePanes,
  readCacheAlerts,
  readCacheAlertsBetween,
  readCacheFirstTimes,
  readCacheHistory,
  readCacheMinutes,
  readCacheOffset,
  readCacheTotals,
} from '@mersal/ledger';
import { freshDatabase, loginOf } from '@mersal/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeLedger } from '../src/judging.js';
import { startUpkeep } from '../src/upkeep.js';

const START = 1_790_000_000_000;
const PARTITIONS = 3;
const options = { partitions: PARTITIONS, leastRequests: 20, webhook: true };

let database: Database;
let url: string;

beforeEach(async () => {
  url = await freshDatabase('windows');
  await migrate(url);
  await applyRoles(url);
  const login = await loginOf('mersal_cache_metrics', url);
  database = openDatabase({ url: login, max: 4, application: 'test', onError: () => {} });
});
afterEach(() => database.close());

/** Some minutes of a few keys, each with times of its own in which it is missed. */
function makeLog(seed: number): AppendedEvent[] {
  let state = seed;
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const events: AppendedEvent[] = [];
  for (let n = 0; n < 3_000; n += 1) {
    const key = `key-${Math.floor(next() * 4)}`;
    const time = START + Math.floor(next() * 1_500_000);
    const bad = (Math.floor((time - START) / 400_000) + Number(key.at(-1))) % 3 === 0;
    const event: TemplateEvent = {
      kind: next() < (bad ? 0.9 : 0.1) ? 'miss' : next() < 0.05 ? 'creation' : 'hit',
      key,
      tenant: `r${Math.floor(next() * 3)}`,
      hash: bad && key === 'key-1' ? `h${n}` : 'h',
      at: time,
      producer: `p${n % 5}`,
      sequence: n,
      ...(next() < 0.1 ? { reason: 'redis_away' } : {}),
      ...(next() < 0.1 ? { count: 3 } : {}),
    };
    events.push({ event, appendedAt: time + Math.floor(next() ** 6 * 40_000) });
  }
  return events
    .toSorted((a, b) => a.appendedAt - b.appendedAt)
    .map(({ event, appendedAt }, n) => ({ event: { ...event, sequence: n + 1 }, appendedAt }));
}

const partitionOf = ({ event }: AppendedEvent): number => Number(event.key.at(-1)) % PARTITIONS;

async function toldEvents(): Promise<TemplateAlert[]> {
  const rows = await database.run({
    name: 'test-alert-events',
    text: 'select event from cache_alert_event order by id',
    values: [],
  });
  return rows.map((row) => row['event'] as TemplateAlert);
}

async function inMemory(log: readonly AppendedEvent[], judgedTo: number): Promise<TemplateAlert[]> {
  const shadow = new ShadowPanes();
  shadow.add(foldEvents(log, new Map()));
  const told: TemplateAlert[] = [];
  let open: readonly Alert[] = [];
  const first = Math.min(...[...shadow.panes()].map(({ pane }) => pane));
  for (let end = first + PANE_MS; end <= judgedTo; end += PANE_MS) {
    const judged = await judgeWindow(shadow, end, open);
    told.push(...judged.events);
    open = judged.alerts.filter(({ closedAt }) => closedAt === null);
  }
  return told;
}

describe('windows over the ledger', () => {
  it.each([7, 23, 101, 4_711])(
    'give the alerts that the same events give in memory, whoever judges when and how batches are cut (%i)',
    async (seed) => {
      const log = makeLog(seed);
      const batches = new Map<number, AppendedEvent[]>();
      for (let p = 0; p < PARTITIONS; p += 1)
        batches.set(
          p,
          log.filter((one) => partitionOf(one) === p),
        );
      const offsets = new Map<number, bigint>();
      for (let p = 0; p < PARTITIONS; p += 1) offsets.set(p, await readCacheOffset(database, p));
      // Partition 2 is read late, in large pieces, the others in small ones, and three judge at once.
      const done = new Map<number, number>();
      for (let round = 1; round <= 40; round += 1) {
        for (const [p, events] of batches) {
          if (p === 2 && round % 10 !== 0) continue;
          const from = done.get(p) ?? 0;
          const to = Math.ceil((events.length * round) / 40);
          done.set(p, to);
          const part = events.slice(from, to);
          const first = offsets.get(p) ?? 0n;
          const next = first + BigInt(part.length);
          const readTo = part.at(-1)?.appendedAt ?? null;
          await addPanes(
            database,
            p,
            { first, next, readTo: readTo === null ? null : readTo - 1 },
            foldEvents(part, new Map()),
          );
          offsets.set(p, next);
        }
        await Promise.all([1, 2, 3].map(() => judgeLedger(database, options)));
      }
      const end = START + 2_500_000;
      await noteCacheReadTo(
        database,
        [...offsets].map(([partition, next]) => ({ partition, next, readTo: end })),
      );
      let judged = await judgeLedger(database, options);
      while (judged.more) judged = await judgeLedger(database, options);
      expect(judged.judgedTo).toBe(judgeable(end));

      const told = await toldEvents();
      expect(told).toEqual(await inMemory(log, judgeable(end)));
      expect(told.filter(({ state }) => state === 'opened').length).toBeGreaterThan(3);
      expect(new Set(told.map(({ cause }) => cause))).toContain('hash_churn');
      expect(told.filter(({ state }) => state === 'closed').length).toBe(
        told.filter(({ state }) => state === 'opened').length,
      );
      const alerts = await readCacheAlerts(database, 0, 1_000);
      expect(alerts.length).toBe(told.filter(({ state }) => state === 'opened').length);
    },
  );

  it('wait for a partition that is behind, and for one that nobody has read yet', async () => {
    const events = makeLog(3).filter((one) => partitionOf(one) === 0);
    const first = await readCacheOffset(database, 0);
    const next = first + BigInt(events.length);
    await addPanes(database, 0, { first, next, readTo: START + 2_000_000 }, foldEvents(events, new Map()));
    expect(await judgeLedger(database, options)).toMatchObject({ judgedTo: null, events: 0 });
    for (const partition of [1, 2]) await readCacheOffset(database, partition);
    await noteCacheReadTo(database, [{ partition: 1, next: 0n, readTo: START + 2_000_000 }]);
    expect(await judgeLedger(database, options)).toMatchObject({ judgedTo: null });
    // What moved on meanwhile is not noted: something may lie between.
    await noteCacheReadTo(database, [{ partition: 2, next: 5n, readTo: START + 2_000_000 }]);
    expect(await judgeLedger(database, options)).toMatchObject({ judgedTo: null });
    await noteCacheReadTo(database, [{ partition: 2, next: 0n, readTo: START + 100_000 }]);
    expect((await judgeLedger(database, options)).judgedTo).toBe(judgeable(START + 100_000));
  });

  it('judge nothing twice when the transaction fails after the judgement', async () => {
    const events = makeLog(5);
    for (let p = 0; p < PARTITIONS; p += 1) {
      const part = events.filter((one) => partitionOf(one) === p);
      const first = await readCacheOffset(database, p);
      const range = { first, next: first + BigInt(part.length), readTo: START + 2_500_000 };
      await addPanes(database, p, range, foldEvents(part, new Map()));
    }
    const broken: Database = {
      ...database,
      conversation: (work) =>
        database.conversation(async (run) => {
          await work(run);
          throw new Error('the process dies here');
        }),
    };
    await expect(judgeLedger(broken, options)).rejects.toThrow('dies here');
    expect(await toldEvents()).toEqual([]);
    while ((await judgeLedger(database, options)).more);
    expect(await toldEvents()).toEqual(await inMemory(events, judgeable(START + 2_500_000)));
  });
});

describe('old panes', () => {
  it('become minutes number for number, and never while a window needs them', async () => {
    const events = makeLog(11);
    for (let p = 0; p < PARTITIONS; p += 1) {
      const part = events.filter((one) => partitionOf(one) === p);
      const first = await readCacheOffset(database, p);
      const range = { first, next: first + BigInt(part.length), readTo: START + 1_400_000 };
      await addPanes(database, p, range, foldEvents(part, new Map()));
    }
    const history = () =>
      readCacheHistory(database, { key: 'key-1', from: 0, to: START + 9e6, stepMs: 60_000 });
    const before = await history();
    const sum = await readCacheTotals(database, 100);
    const cuts = {
      panes: START + 9e6,
      misses: START + 9e6,
      minutes: 0,
      producers: 0,
      alerts: 0,
    };
    await pruneCachePanes(database, cuts);
    const minutes = async () =>
      Number(
        (
          await database.run({
            name: 'test-minutes',
            text: 'select count(*) as n from cache_minute',
            values: [],
          })
        )[0]?.['n'],
      );
    // Nothing was judged: no window may lose its panes.
    expect(await minutes()).toBe(0);
    while ((await judgeLedger(database, options)).more);
    await pruneCachePanes(database, cuts);
    expect(await minutes()).toBeGreaterThan(0);
    expect(await history()).toEqual(before);
    expect(await readCacheTotals(database, 100)).toEqual(sum);
    expect(before.reduce((n, one) => n + one.late, 0)).toBeGreaterThan(0);

    const told = await toldEvents();
    for (let p = 0; p < PARTITIONS; p += 1)
      await noteCacheReadTo(database, [
        { partition: p, next: await readCacheOffset(database, p), readTo: START + 2_500_000 },
      ]);
    while ((await judgeLedger(database, options)).more);
    expect((await toldEvents()).slice(0, told.length)).toEqual(told);
    expect(await toldEvents()).toEqual(await inMemory(events, START + 2_500_000 - LATENESS_MS));
  });

  it('and what else is old go after their set time, and not before', async () => {
    const DAY_MS = 86_400_000;
    const HISTORY_DAYS = 7;
    const now = START + 200 * DAY_MS;
    /** Rows a minute older than that, and a minute younger. */
    const around = async (name: string, days: number, text: string): Promise<void> => {
      for (const [age, minutes] of [
        ['old', -1],
        ['young', 1],
      ] as const)
        await database.run({
          name: '',
          text,
          values: [`${name} ${age}`, new Date(now - days * DAY_MS + minutes * 60_000).toISOString()],
        });
    };
    await around(
      'minute',
      HISTORY_DAYS,
      `insert into cache_minute (key, tenant, minute, hits, misses, creations, late) values ($1, 'r1', $2, 1, 1, 1, 1)`,
    );
    await around(
      'producer',
      8,
      'insert into cache_producer (partition, producer, sequence, seen_at) values (0, $1, 5, $2)',
    );
    const alert = `scope, key, opened_at, closed_at, judged_at, miss_rate, requests, cause, message, told_rate`;
    await around(
      'closed alert',
      90,
      `insert into cache_alert (${alert}) values ('key', $1, '2020-01-01', $2, $2, 0.7, 20, 'unknown', '', 0.7)`,
    );
    await around(
      'open alert',
      90,
      `insert into cache_alert (${alert}) values ('key', $1, $2, null, $2, 0.7, 20, 'unknown', '', 0.7)`,
    );
    const event = 'event, made_at, published_at, webhook_due';
    await around(
      'told event',
      90,
      `insert into cache_alert_event (${event}) values (jsonb_build_object('name', $1::text), $2, now(), null)`,
    );
    await around(
      'unpublished event',
      90,
      `insert into cache_alert_event (${event}) values (jsonb_build_object('name', $1::text), $2, null, null)`,
    );
    await around(
      'event due at the webhook',
      90,
      `insert into cache_alert_event (${event}) values (jsonb_build_object('name', $1::text), $2, now(), now())`,
    );
    const left = async (): Promise<string[]> => {
      const rows = await database.run({
        name: '',
        text: `
          select key as name from cache_minute union all select producer from cache_producer
          union all select key from cache_alert union all select event->>'name' from cache_alert_event`,
        values: [],
      });
      return rows.map((row) => row['name'] as string).sort();
    };
    const before = await left();
    expect(before).toHaveLength(14);
    const troubles: unknown[] = [];
    // Its first round is at once, and stopping waits for it.
    await startUpkeep(
      database,
      HISTORY_DAYS,
      () => now,
      (error) => troubles.push(error),
    )();
    expect(troubles).toEqual([]);
    const gone = ['closed alert old', 'minute old', 'producer old', 'told event old'];
    expect(await left()).toEqual(before.filter((name) => !gone.includes(name)));
  });
});

describe('a replay', () => {
  it('gives the same counts and alerts as the first time, from any minute on, and tells what differs', async () => {
    const events = makeLog(13);
    for (let p = 0; p < PARTITIONS; p += 1) {
      const part = events.filter((one) => partitionOf(one) === p);
      const first = await readCacheOffset(database, p);
      const range = { first, next: first + BigInt(part.length), readTo: START + 2_500_000 };
      await addPanes(database, p, range, foldEvents(part, new Map()));
    }
    while ((await judgeLedger(database, options)).more);
    const minute = (n: number): number => Math.floor(START / 60_000 + n) * 60_000;
    const replay = async (from: number, to: number) => {
      const shadow = new ShadowPanes();
      // As the log would be read: from some time before the range on, without what came earlier.
      shadow.add(
        foldEvents(
          events.filter(({ appendedAt }) => appendedAt >= from - 620_000),
          new Map(),
        ),
      );
      for (const [key, at] of await readCacheFirstTimes(database)) shadow.noteFirst(key, at);
      const recorded = {
        minutes: await readCacheMinutes(database, from, to),
        alerts: (await readCacheAlertsBetween(database, from, to)) as readonly Alert[],
      };
      return compareReplay(shadow, recorded, { from, to, limits: SPIKE_LIMITS });
    };
    for (const from of [0, 3, 9, 14]) {
      const { minutesDiffer, alertsDiffer, windows, minutes } = await replay(minute(from), minute(30));
      expect({ minutesDiffer, alertsDiffer }).toEqual({ minutesDiffer: [], alertsDiffer: [] });
      expect(windows).toBe((30 - from) * 6);
      expect(minutes).toBeGreaterThan(20);
    }
    expect((await replay(minute(0), minute(30))).alerts.length).toBeGreaterThan(2);

    await pruneCachePanes(database, {
      panes: START + 9e6,
      misses: START + 9e6,
      minutes: 0,
      producers: 0,
      alerts: 0,
    });
    expect((await replay(minute(0), minute(30))).minutesDiffer).toEqual([]);
    await database.run({
      name: 'test-tamper',
      text: `
        with a as (update cache_minute set hits = hits + 1 where (key, tenant, minute) =
                     (select key, tenant, minute from cache_minute order by minute, key, tenant limit 1))
        delete from cache_alert where scope = 'global'`,
      values: [],
    });
    const different = await replay(minute(0), minute(30));
    expect(different.minutesDiffer).toHaveLength(1);
    expect(different.alertsDiffer.length).toBeGreaterThan(0);
    expect(different.alertsDiffer.every((one) => one.recorded === null && one.scope === 'global')).toBe(true);

    const { alerts } = await replay(minute(0), minute(30));
    const closed = alerts.find(({ scope, closedAt }) => scope === 'key' && closedAt !== null);
    await database.run({
      name: '',
      text: "update cache_alert set cause = 'cold_start' where scope = 'key' and key = $1 and opened_at = $2::timestamptz",
      values: [closed?.key, new Date(closed?.openedAt ?? 0).toISOString()],
    });
    const { alertsDiffer } = await replay(minute(0), minute(30));
    expect(alertsDiffer.filter(({ recorded }) => recorded !== null)).toEqual([
      {
        scope: 'key',
        key: closed?.key,
        openedAt: closed?.openedAt,
        recorded: { closedAt: closed?.closedAt, cause: 'cold_start' },
        replayed: { closedAt: closed?.closedAt, cause: closed?.cause },
      },
    ]);
  });
});
