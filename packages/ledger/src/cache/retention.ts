import type { Database } from '../database.js';
import { timeOf } from './counts.js';

/** Times before which things go, ms since 1970. */
export interface CacheRetention {
  /** Panes of 10 s become panes of a minute, where their windows were judged. */
  readonly panes: number;
  /** Reasons and hashes of misses go. */
  readonly misses: number;
  readonly minutes: number;
  /** Processes last seen, whose running numbers are forgotten. */
  readonly producers: number;
  /** Closed alerts, and events of alerts that were told. */
  readonly alerts: number;
}

/** How long before the newest judged window panes stay as they are: two windows look back on them. */
const MARGIN = `interval '15 minutes'`;

/** Merges and forgets what is old. Counts stay the same number for number: totals are kept for good. */
export async function pruneCachePanes(database: Database, before: CacheRetention): Promise<void> {
  await database.transaction([
    {
      name: 'merge-cache-panes',
      text: `
        with old as (
          delete from cache_pane
           where pane < (select date_bin('1 minute', least($1::timestamptz, judged_to - ${MARGIN}), 'epoch'::timestamptz)
                           from cache_watch where judged_to is not null)
          returning *)
        insert into cache_minute as m (key, tenant, minute, hits, misses, creations, late)
        select key, tenant, date_bin('1 minute', pane, 'epoch'::timestamptz) as start, sum(hits), sum(misses), sum(creations), sum(late)
          from old group by key, tenant, start order by key, tenant, start
        on conflict (key, tenant, minute) do update
           set hits = m.hits + excluded.hits, misses = m.misses + excluded.misses,
               creations = m.creations + excluded.creations, late = m.late + excluded.late`,
      values: [timeOf(before.panes)],
    },
    {
      name: 'prune-cache-misses',
      text: `
        delete from cache_miss
         where pane < (select least($1::timestamptz, judged_to - ${MARGIN}) from cache_watch where judged_to is not null)`,
      values: [timeOf(before.misses)],
    },
  ]);
  const prune = (name: string, text: string, time: number) =>
    database.run({ name, text, values: [timeOf(time)] });
  await prune(
    'prune-cache-minutes',
    'delete from cache_minute where minute < $1::timestamptz',
    before.minutes,
  );
  await prune(
    'prune-cache-producers',
    'delete from cache_producer where seen_at < $1::timestamptz',
    before.producers,
  );
  await prune(
    'prune-cache-alerts',
    'delete from cache_alert where closed_at < $1::timestamptz',
    before.alerts,
  );
  await prune(
    'prune-cache-alert-events',
    'delete from cache_alert_event where made_at < $1::timestamptz and published_at is not null and webhook_due is null',
    before.alerts,
  );
}
