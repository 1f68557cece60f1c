import { randomBytes } from 'node:crypto';
import { partitionFor, sketchValue, type TemplateEvent } from '@mersal/contracts';
import {
  applyRoles,
  type Database,
  migrate,
  openDatabase,
  readCacheAlerts,
  readCacheHistory,
} from '@mersal/ledger';
import { engines, freshDatabase, loginOf, type ServiceProcess, startService, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEventTopic, PARTITIONS } from './event-topic.js';

const PANE_MS = 10_000;
const PRODUCERS = 4;
/** Of so many partitions one is held up: each takes a connection of the instance that reads it. */
const EVERY = 4;
const marker = randomBytes(4).toString('hex');
const keyOf = (n: number): string => `${marker}-طلب-${n}`;
/** The one of which every miss has a hash of its own. */
const CHURNED = keyOf(0);

let topic: Awaited<ReturnType<typeof openEventTopic>>;
beforeAll(async () => {
  topic = await openEventTopic();
});
afterAll(() => topic?.close());

/** Of every kind: in time and far too late, in detail and summed up, with reasons and hashes. */
function makeEvents(n: number, now: number): TemplateEvent[] {
  const kinds = ['hit', 'hit', 'miss', 'hit', 'creation'] as const;
  return Array.from({ length: n }, (_, i) => {
    const key = keyOf(i % 23);
    const kind = key === CHURNED ? 'miss' : (kinds[i % kinds.length] ?? 'hit');
    const summed = i % 31 === 0;
    return {
      kind,
      key,
      hash: `h${i}`,
      tenant: `r${i % 3}`,
      at: i % 10 === 7 ? now - 600_000 - i : now,
      producer: `p${i % PRODUCERS}-${marker}`,
      sequence: i + 1,
      ...(kind === 'miss' && i % 4 === 0 ? { reason: 'not_cached' } : {}),
      ...(summed ? { count: 3 } : {}),
      ...(summed && kind === 'miss'
        ? { hashes: [sketchValue(`h${i}`), sketchValue(`g${i}`)].toSorted((a, b) => a - b) }
        : {}),
    };
  });
}

/** What every instance counts into, and what an operator sees of it: all of the rows, without when they were written. */
async function report(database: Database, now: number) {
  const rows = (name: string, columns: string): Promise<Record<string, unknown>[]> =>
    database.run({
      name: `test-${name}`,
      text: `select ${columns} from ${name} where key like $1 order by ${columns}`,
      values: [`${marker}-%`],
    });
  const range = { from: now - 900_000, to: now + 60_000, stepMs: 60_000 };
  const alerts = await readCacheAlerts(database, 0, 1_000);
  return {
    panes: await rows('cache_pane', 'key, tenant, pane, hits, misses, creations, late'),
    misses: await rows('cache_miss', 'key, tenant, pane, reason, misses, hashes'),
    totals: await rows('cache_total', 'key, hits, misses, creations, late, first_at'),
    producers: await database.run({
      name: 'test-producers',
      text: 'select partition, producer, sequence from cache_producer where producer like $1 order by 1, 2',
      values: [`p%-${marker}`],
    }),
    history: await readCacheHistory(database, { key: CHURNED, ...range }),
    // The global one hangs on what other tests left in the topic, and when a window was judged on when that was asked.
    alerts: alerts
      .filter(({ key }) => key.startsWith(marker))
      .map(({ judgedAt: _judgedAt, ...alert }) => alert)
      .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
  };
}

/**
 * Holds some partitions up in the middle of its transaction, until it is let go: the rows that its counting is about to write are
 * another transaction's, which takes them back in the end.
 */
async function holdUp(database: Database) {
  let letGo = (): void => {};
  const released = new Promise<void>((resolve) => (letGo = resolve));
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const holding = database
    .conversation(async (run) => {
      await run({ name: 'test-wait', text: 'set local idle_in_transaction_session_timeout = 0', values: [] });
      await run({
        name: 'test-hold-up',
        text: `
          insert into cache_producer (partition, producer, sequence)
          select p, 'p' || n || '-' || $1, 0
            from generate_series(1, $2::int, $3::int) p, generate_series(0, $4::int) n`,
        values: [marker, PARTITIONS - 1, EVERY, PRODUCERS - 1],
      });
      begin();
      await released;
      throw new Error('taken back');
    })
    .catch(() => undefined);
  await Promise.race([begun, holding]);
  return {
    /** The instances that are in such a transaction now. */
    held: async (): Promise<string[]> => {
      const rows = await database.run({
        name: 'test-held-up',
        text: `
          select distinct replace(application_name, 'cache-metrics ', '') as name from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock' and query like '%cache_producer%'`,
        values: [],
      });
      return rows.map(({ name }) => name as string);
    },
    letGo: async (): Promise<void> => {
      letGo();
      await holding;
    },
  };
}

interface Group {
  /** Instances from the start. */
  readonly first: readonly string[];
  readonly kill: boolean;
  /** The one that joins when half of the partitions are counted. */
  readonly joins?: string;
}

/** Counts the whole topic into a database of the group's own. Midway, with transactions open, instances are killed and join. */
async function countBy({ first, kill, joins }: Group, now: number) {
  const url = await freshDatabase('cache');
  await migrate(url);
  await applyRoles(url);
  const env = {
    KAFKA_BROKERS: (await engines()).kafka.join(','),
    DATABASE_URL: await loginOf('mersal_cache_metrics', url),
    LOG_LEVEL: 'info',
  };
  const database = openDatabase({ url, max: 3, application: 'test', onError: () => {} });
  const running: ServiceProcess[] = [];
  const start = async (name: string): Promise<void> => {
    running.push(await startService({ app: 'cache-metrics', name, env }));
  };
  const hold = await holdUp(database);
  let killed: string | undefined;
  try {
    await Promise.all(first.map(start));
    await topic.counted(database, running, (partition) => partition % EVERY !== 1);
    const held = await waitFor(
      async () => {
        const names = await hold.held();
        return names.length > 0 ? names : undefined;
      },
      { describe: 'an instance to be in the middle of a transaction' },
    );
    if (kill) {
      killed = held[0];
      running.find(({ name }) => name === killed)?.signal('SIGKILL');
    }
    if (joins !== undefined) await start(joins);
    await hold.letGo();
    await topic.counted(database, running);
    const judgedFrom = Math.floor(now / PANE_MS) * PANE_MS + PANE_MS;
    await waitFor(
      async () => {
        const [row] = await database.run({
          name: 'test-judged-to',
          text: 'select extract(epoch from judged_to) * 1000 as at from cache_watch',
          values: [],
        });
        return Number(row?.['at'] ?? 0) >= judgedFrom;
      },
      { timeoutMs: 45_000, describe: 'the windows to be judged' },
    );
    return { killed, report: await report(database, now) };
  } finally {
    await hold.letGo();
    await Promise.all(running.map((service) => service.stop()));
    await database.close();
  }
}

describe('1, 2 and 3 instances', () => {
  it('report the same of the same events, number for number, whoever is killed and joins midway', async () => {
    const now = Date.now();
    const events = makeEvents(3_000, now);
    await topic.publish(events.slice(0, 2_000));
    await topic.publish(events.slice(1_700, 2_000));
    await topic.publish(events.slice(2_000));
    // Some are held up midway, and some are not.
    const held = events.map(({ key }) => partitionFor(key, PARTITIONS) % EVERY === 1);
    expect(new Set(held).size).toBe(2);

    const three = await countBy({ first: ['a-1', 'a-2'], kill: true, joins: 'a-3' }, now);
    expect(three.killed).toMatch(/^a-[12]$/);
    const two = await countBy({ first: ['b-1'], kill: false, joins: 'b-2' }, now);
    const one = await countBy({ first: ['c-1'], kill: false }, now);
    expect(two.report).toEqual(one.report);
    expect(three.report).toEqual(one.report);

    const { totals, alerts, panes } = one.report;
    const sum = (rows: readonly Record<string, unknown>[], column: string): number =>
      rows.reduce((all, row) => all + Number(row[column]), 0);
    const of = (kind: string, all = events): number =>
      all.filter((event) => event.kind === kind).reduce((n, { count = 1 }) => n + count, 0);
    const counted = [of('hit'), of('miss'), of('creation')];
    expect([sum(totals, 'hits'), sum(totals, 'misses'), sum(totals, 'creations')]).toEqual(counted);
    // Late ones are shown where they came.
    const inPanes = sum(panes, 'hits') + sum(panes, 'misses') + sum(panes, 'creations') + sum(panes, 'late');
    expect(inPanes).toBe(counted.reduce((all, n) => all + n, 0));
    expect(sum(panes, 'late')).toBe(sum(totals, 'late'));
    expect(sum(totals, 'late')).toBeGreaterThanOrEqual(events.filter(({ at }) => at < now).length);
    expect(alerts.map(({ key, cause }) => [key, cause])).toEqual([[CHURNED, 'hash_churn']]);
  }, 240_000);
});
