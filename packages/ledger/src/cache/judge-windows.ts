import type { Database, Row, Statement } from '../database.js';
import { type CacheAlert, openAlerts, saveAlerts } from './alerts.js';
import { msOf, timeOf } from './counts.js';
import { CacheWindows } from './windows.js';

export interface JudgedWindow {
  /** Every alert that was open or is now. */
  readonly alerts: readonly CacheAlert[];
  readonly events: readonly CacheAlertEvent[];
}

/** What is told of an alert, as JSON; `webhook`: to the webhook, too. */
export interface CacheAlertEvent {
  readonly event: object;
  readonly webhook: boolean;
}

export interface JudgeOptions {
  /** Of template-events: windows wait until all of them are read. */
  readonly partitions: number;
  readonly paneMs: number;
  readonly windowMs: number;
  /** The end of the newest window that is complete once every record appended up to `readTo` is counted. */
  readonly judgeable: (readTo: number) => number;
  readonly judge: (windows: CacheWindows, end: number, open: readonly CacheAlert[]) => Promise<JudgedWindow>;
  /** Windows a transaction. */
  readonly most: number;
}

export interface Judged {
  /** The end of the newest window judged, ms since 1970; null: none is. */
  readonly judgedTo: number | null;
  /** Whether more windows are complete than `most`. */
  readonly more: boolean;
  readonly events: number;
}

/**
 * Judges the windows that are complete and were not judged, in their order. How far that went, the alerts and what is to be told of them
 * are one transaction under a lock: whoever dies in it has judged nothing, and no window is judged twice.
 */
export async function judgeCacheWindows(database: Database, options: JudgeOptions): Promise<Judged> {
  const { partitions, paneMs, windowMs } = options;
  return database.conversation(async (run) => {
    const [watch] = await run({
      name: 'lock-cache-watch',
      text: `select ${msOf('judged_to')} as judged_to from cache_watch for update`,
      values: [],
    });
    const [read] = await run({
      name: 'cache-read-to',
      text: `select count(read_to) as partitions, ${msOf('min(read_to)')} as read_to from cache_offset where partition < $1`,
      values: [partitions],
    });
    const before = watch?.['judged_to'] ?? null;
    const judgedBefore = before === null ? null : Number(before);
    if (Number(read?.['partitions'] ?? 0) < partitions)
      return { judgedTo: judgedBefore, more: false, events: 0 };

    const to = options.judgeable(Number(read?.['read_to']));
    const windows = new CacheWindows(run, windowMs);
    let open = await openAlerts(run);
    let judgedTo = judgedBefore ?? (await firstPane(run, 0)) ?? to;
    const changed = new Map<string, CacheAlert>();
    const events: CacheAlertEvent[] = [];
    let left = options.most;
    while (judgedTo + paneMs <= to && left > 0) {
      let end = judgedTo + paneMs;
      if (open.length === 0) {
        // Nothing happens in windows without a pane: they are passed over at once.
        const next = await firstPane(run, end - windowMs);
        if (next === undefined || next + paneMs > to) {
          judgedTo = to;
          break;
        }
        end = Math.max(end, next + paneMs);
      }
      const judged = await options.judge(windows, end, open);
      for (const alert of judged.alerts) changed.set(`${alert.scope} ${alert.openedAt} ${alert.key}`, alert);
      events.push(...judged.events);
      open = judged.alerts.filter(({ closedAt }) => closedAt === null);
      judgedTo = end;
      left -= 1;
    }
    await saveAlerts(run, [...changed.values()]);
    await addEvents(run, events);
    if (judgedTo !== judgedBefore)
      await run({
        name: 'move-cache-watch',
        text: 'update cache_watch set judged_to = $1::timestamptz',
        values: [timeOf(judgedTo)],
      });
    return { judgedTo, more: judgedTo + paneMs <= to, events: events.length };
  });
}

type Run = (statement: Statement) => Promise<Row[]>;

/** The start of the first pane from then on. */
async function firstPane(run: Run, from: number): Promise<number | undefined> {
  const [row] = await run({
    name: 'cache-first-pane',
    text: `select ${msOf('min(pane)')} as pane from cache_pane where pane >= $1::timestamptz`,
    values: [timeOf(from)],
  });
  const pane = row?.['pane'] ?? null;
  return pane === null ? undefined : Number(pane);
}

async function addEvents(run: Run, events: readonly CacheAlertEvent[]): Promise<void> {
  if (events.length === 0) return;
  await run({
    name: 'add-cache-alert-events',
    text: `
      insert into cache_alert_event (event, webhook_due)
      select e, case when w then now() end from unnest($1::jsonb[], $2::boolean[]) with ordinality i(e, w, n) order by n`,
    values: [events.map(({ event }) => JSON.stringify(event)), events.map(({ webhook }) => webhook)],
  });
}
