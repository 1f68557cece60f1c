import { randomUUID } from 'node:crypto';
import {
  type Alert,
  type AlertEnd,
  compareReplay,
  decodeTemplateEvent,
  foldEvents,
  LATENESS_MS,
  PANE_MS,
  type ReplayReport,
  ShadowPanes,
  SPIKE_LIMITS,
  WINDOW_MS,
} from '@mersal/cache-windows';
import { readConfig } from '@mersal/config';
import { READER_GROUPS, topicNames } from '@mersal/contracts';
import { createConsumer, type KafkaAdmin, type KafkaConnection, type PartitionBatch } from '@mersal/kafka';
import {
  type Database,
  readCacheAlertsBetween,
  readCacheFirstTimes,
  readCacheJudgedTo,
  readCacheMinutes,
} from '@mersal/ledger';
import { withAdmin, withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { readTime } from './read-time.js';

const MINUTE_MS = 60_000;
/** The first window and the one before it, and what may come late for them. */
const LEAD_MS = 2 * WINDOW_MS + PANE_MS + LATENESS_MS;
const MOST_PANES = 2_000_000;
const MOST_SHOWN = 50;

export interface ReplayChoice {
  readonly from: string;
  readonly to?: string;
}

/**
 * Counts and judges a stretch of the log once more, beside what was recorded, which stays as it is. Exits 3 where the two differ.
 */
export async function cacheReplay(
  env: Environment,
  connection: KafkaConnection,
  choice: ReplayChoice,
): Promise<Report> {
  const config = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME', 'CACHE_ALERT_LEAST_REQUESTS']);
  const topic = topicNames(config.WHATSAPP_SEND_QUEUE_NAME).templateEvents;
  const asked = {
    from: readTime('--from', choice.from),
    to: choice.to === undefined ? Number.POSITIVE_INFINITY : readTime('--to', choice.to),
  };
  return withDatabase(env, async (database) => {
    const range = await judgedRange(database, asked);
    const shadow = new ShadowPanes();
    const read = await withAdmin(connection, (admin) => readInto(shadow, admin, connection, topic, range));
    for (const [key, at] of await readCacheFirstTimes(database)) shadow.noteFirst(key, at);
    const recorded = {
      minutes: await readCacheMinutes(database, range.from, range.to),
      alerts: (await readCacheAlertsBetween(database, range.from, range.to)) as readonly Alert[],
    };
    const limits = { ...SPIKE_LIMITS, leastRequests: config.CACHE_ALERT_LEAST_REQUESTS };
    return show(range, read, await compareReplay(shadow, recorded, { ...range, limits }));
  });
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** What was asked for, from a whole minute to a pane's end, as far as windows are judged. */
async function judgedRange(database: Database, asked: Span): Promise<Span> {
  const judgedTo = await readCacheJudgedTo(database);
  if (judgedTo === null)
    throw new CliError('nothing_judged', 'no window was judged yet: there is nothing to compare with');
  const from = Math.floor(asked.from / MINUTE_MS) * MINUTE_MS;
  const to = Math.floor(Math.min(asked.to, judgedTo) / PANE_MS) * PANE_MS;
  if (from >= to)
    throw new CliError(
      'range_empty',
      `windows are judged up to ${new Date(judgedTo).toISOString()}: choose a range before that`,
      EXIT.usage,
    );
  return { from, to };
}

interface Read {
  readonly records: number;
  readonly undecodable: number;
  readonly repeated: number;
  /** Partitions whose log begins later than the range, with its lead. */
  readonly cut: readonly number[];
}

async function readInto(
  shadow: ShadowPanes,
  admin: KafkaAdmin,
  connection: KafkaConnection,
  topic: string,
  { from, to }: Span,
): Promise<Read> {
  const starts = await admin.offsetsForTimestamp(topic, from - LEAD_MS);
  const ends = await admin.offsetsForTimestamp(topic, to + PANE_MS + LATENESS_MS + 1);
  const logs = await admin.watermarks(topic);
  const left = new Map([...starts].filter(([partition, start]) => start < (ends.get(partition) ?? start)));
  const highest = new Map<number, Map<string, number>>();
  const counted = { records: 0, undecodable: 0, repeated: 0 };
  const cut = [...starts]
    .filter(([partition, start]) => start > 0n && start === logs.get(partition)?.low)
    .map(([partition]) => partition);
  if (left.size === 0) return { ...counted, cut };

  const take = (batch: PartitionBatch): void => {
    const end = ends.get(batch.partition) ?? 0n;
    const events = batch.records
      .filter(({ offset }) => offset >= (starts.get(batch.partition) ?? 0n) && offset < end)
      .flatMap((record) => {
        counted.records += 1;
        const decoded = decodeTemplateEvent(record);
        if ('event' in decoded) return [{ event: decoded.event, appendedAt: record.timestamp }];
        counted.undecodable += 1;
        return [];
      });
    const seen = highest.get(batch.partition) ?? new Map<string, number>();
    highest.set(batch.partition, seen);
    const folded = foldEvents(events, seen);
    for (const [producer, sequence] of folded.producers) seen.set(producer, sequence);
    counted.repeated += folded.repeated;
    shadow.add(folded);
    if (shadow.size > MOST_PANES)
      throw new CliError(
        'range_too_long',
        `the range has more than ${MOST_PANES} panes: choose a shorter one`,
      );
    if (batch.lastOffset + 1n >= end) left.delete(batch.partition);
  };
  let finish: (error?: unknown) => void = () => undefined;
  const finished = new Promise<void>((resolve, reject) => {
    finish = (error) => (error === undefined ? resolve() : reject(error));
  });
  const consumer = createConsumer({
    connection,
    // Nobody else's, and without commits: Kafka forgets it.
    groupId: `${READER_GROUPS}${randomUUID()}`,
    topics: [topic],
    onAssigned: async ({ partitions }) =>
      partitions.map((partition) => ({ topic, partition, offset: starts.get(partition) ?? 0n })),
    onRevoked: () => undefined,
    onBatch: async (batch) => {
      if (!left.has(batch.partition)) return;
      try {
        take(batch);
        if (left.size === 0) finish();
      } catch (error) {
        left.clear();
        finish(error);
      }
    },
    onFatal: (error) => finish(error),
  });
  try {
    await Promise.all([consumer.start(), finished]);
  } finally {
    await consumer.close();
  }
  return { ...counted, cut };
}

function show(range: Span, read: Read, found: ReplayReport): Report {
  const time = (ms: number | null): string => (ms === null ? 'open' : new Date(ms).toISOString());
  const equal = found.minutesDiffer.length === 0 && found.alertsDiffer.length === 0;
  const end = (of: AlertEnd | null): string | null =>
    of === null ? null : of.closedAt === null ? 'open' : `${time(of.closedAt)}, ${of.cause}`;
  return report(
    {
      from: time(range.from),
      to: time(range.to),
      equal,
      ...read,
      windows: found.windows,
      minutes: found.minutes,
      minutesDiffer: found.minutesDiffer.map((one) => ({ ...one, minute: time(one.minute) })),
      alerts: found.alerts.map(({ scope, key, openedAt, closedAt, cause }) => ({
        scope,
        key,
        openedAt: time(openedAt),
        closedAt: closedAt === null ? null : time(closedAt),
        cause,
      })),
      alertsDiffer: found.alertsDiffer.map((one) => ({ ...one, openedAt: time(one.openedAt) })),
    },
    [
      `${time(range.from)} to ${time(range.to)}: ${read.records} records read, ${found.windows} windows judged, ${found.alerts.length} alerts`,
      ...(read.cut.length > 0
        ? ['The log begins later than the range: what it has lost differs from what was recorded.']
        : []),
      ...(equal ? ['What was recorded is the same.'] : []),
      ...(found.minutesDiffer.length > 0
        ? [
            `\n${found.minutesDiffer.length} of ${found.minutes} minutes differ (hits, misses, creations, late):`,
            table(
              ['minute', 'key', 'tenant', 'recorded', 'replayed'],
              found.minutesDiffer
                .slice(0, MOST_SHOWN)
                .map((one) => [
                  time(one.minute),
                  one.key,
                  one.tenant,
                  one.recorded.join(', '),
                  one.replayed.join(', '),
                ]),
            ),
          ]
        : []),
      ...(found.alertsDiffer.length > 0
        ? [
            `\n${found.alertsDiffer.length} alerts differ (when each closed, and its cause):`,
            table(
              ['opened', 'scope', 'key', 'recorded', 'replayed'],
              found.alertsDiffer
                .slice(0, MOST_SHOWN)
                .map((one) => [time(one.openedAt), one.scope, one.key, end(one.recorded), end(one.replayed)]),
            ),
          ]
        : []),
    ].join('\n'),
    equal ? EXIT.ok : EXIT.attention,
  );
}
