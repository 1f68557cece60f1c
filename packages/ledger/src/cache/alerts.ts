import type { Database, Row, Statement } from '../database.js';
import { msOf, timeOf } from './counts.js';

/** A spike of misses, open or closed. Times in ms since 1970; `key` is `*` for all keys together. */
export interface CacheAlert {
  readonly scope: 'global' | 'key';
  readonly key: string;
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly judgedAt: number;
  /** 0 to 1. */
  readonly missRate: number;
  readonly requests: number;
  readonly cause: string;
  readonly distinctHashes: number | null;
  readonly message: string;
  readonly toldRate: number;
}

const COLUMNS = `
  scope, key, ${msOf('opened_at')} as opened_at, ${msOf('closed_at')} as closed_at, ${msOf('judged_at')} as judged_at,
  miss_rate, requests, cause, distinct_hashes, message, told_rate`;

type Run = (statement: Statement) => Promise<Row[]>;

export async function openAlerts(run: Run): Promise<CacheAlert[]> {
  const rows = await run({
    name: 'open-cache-alerts',
    text: `select ${COLUMNS} from cache_alert where closed_at is null`,
    values: [],
  });
  return rows.map(toAlert);
}

/** Open ones, and those that closed at or after `closedSince`, ms since 1970: the newest first, at most so many. */
export async function readCacheAlerts(
  database: Database,
  closedSince: number,
  most: number,
): Promise<CacheAlert[]> {
  const rows = await database.run({
    name: 'read-cache-alerts',
    text: `
      select ${COLUMNS} from (
        (select * from cache_alert where closed_at is null order by opened_at desc, scope, key limit $2)
        union all
        (select * from cache_alert where closed_at >= $1::timestamptz order by closed_at desc, scope, key limit $2)) a
       order by closed_at is not null, a.opened_at desc, scope, key limit $2`,
    values: [timeOf(closedSince), most],
  });
  return rows.map(toAlert);
}

/** Those that were open at some time between, ms since 1970. */
export async function readCacheAlertsBetween(
  database: Database,
  from: number,
  to: number,
): Promise<CacheAlert[]> {
  const rows = await database.run({
    name: 'read-cache-alerts-between',
    text: `
      select ${COLUMNS} from cache_alert
       where opened_at <= $2::timestamptz and (closed_at is null or closed_at > $1::timestamptz)
       order by opened_at, scope, key`,
    values: [timeOf(from), timeOf(to)],
  });
  return rows.map(toAlert);
}

export async function saveAlerts(run: Run, alerts: readonly CacheAlert[]): Promise<void> {
  if (alerts.length === 0) return;
  const time = (ms: number | null): string | null => (ms === null ? null : timeOf(ms));
  await run({
    name: 'save-cache-alerts',
    text: `
      insert into cache_alert (scope, key, opened_at, closed_at, judged_at, miss_rate, requests, cause, distinct_hashes, message, told_rate)
      select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::float8[],
                           $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::float8[])
      on conflict (scope, key, opened_at) do update
         set closed_at = excluded.closed_at, judged_at = excluded.judged_at, miss_rate = excluded.miss_rate,
             requests = excluded.requests, cause = excluded.cause, distinct_hashes = excluded.distinct_hashes,
             message = excluded.message, told_rate = excluded.told_rate`,
    values: [
      alerts.map((a) => a.scope),
      alerts.map((a) => a.key),
      alerts.map((a) => timeOf(a.openedAt)),
      alerts.map((a) => time(a.closedAt)),
      alerts.map((a) => timeOf(a.judgedAt)),
      alerts.map((a) => a.missRate),
      alerts.map((a) => a.requests),
      alerts.map((a) => a.cause),
      alerts.map((a) => a.distinctHashes),
      alerts.map((a) => a.message),
      alerts.map((a) => a.toldRate),
    ],
  });
}

function toAlert(row: Row): CacheAlert {
  const number = (name: string): number | null => (row[name] === null ? null : Number(row[name]));
  return {
    scope: row['scope'] as CacheAlert['scope'],
    key: row['key'] as string,
    openedAt: Number(row['opened_at']),
    closedAt: number('closed_at'),
    judgedAt: Number(row['judged_at']),
    missRate: Number(row['miss_rate']),
    requests: Number(row['requests']),
    cause: row['cause'] as string,
    distinctHashes: number('distinct_hashes'),
    message: row['message'] as string,
    toldRate: Number(row['told_rate']),
  };
}
