import type { Database, Row, Statement } from '../database.js';

export interface WaitingAlertEvent {
  readonly id: number;
  readonly event: unknown;
  /** Calls of the webhook that failed so far. */
  readonly tries: number;
}

/** Whoever holds these locks of Postgres tells alerts; any number, as long as nobody else uses it. */
const PUBLISH_LOCK = 4_906_001;
const WEBHOOK_LOCK = 4_906_002;

/**
 * Gives the events of alerts that were not published, in their order, and notes them as published once `publish` resolves. One process
 * at a time; the others are given nothing. Whoever dies between leaves them to the next, which publishes them again. Returns how many.
 */
export async function publishAlertEvents(
  database: Database,
  most: number,
  publish: (events: readonly WaitingAlertEvent[]) => Promise<void>,
): Promise<number> {
  return database.conversation(async (run) => {
    if (!(await locked(run, PUBLISH_LOCK))) return 0;
    const rows = await run({
      name: 'unpublished-alert-events',
      text: `
        select id, event, webhook_tries as tries from cache_alert_event
         where published_at is null order by id limit $1`,
      values: [most],
    });
    if (rows.length === 0) return 0;
    await publish(rows.map(toWaiting));
    await run({
      name: 'note-published-alert-events',
      text: 'update cache_alert_event set published_at = now() where id = any($1::bigint[])',
      values: [rows.map((row) => row['id'])],
    });
    return rows.length;
  });
}

/**
 * Gives the events that are due for the webhook, in their order; one whose alert has an older one that waits for its next try waits
 * with it, as nobody must hear that a spike is over before it began. `call` says when to try again, in ms from now; null: no more.
 * One process at a time. Returns how many there were.
 */
export async function callAlertWebhook(
  database: Database,
  most: number,
  call: (events: readonly WaitingAlertEvent[]) => Promise<number | null>,
): Promise<number> {
  return database.conversation(async (run) => {
    if (!(await locked(run, WEBHOOK_LOCK))) return 0;
    const rows = await run({
      name: 'due-alert-events',
      text: `
        select id, event, webhook_tries as tries from cache_alert_event e
         where webhook_due <= now()
           and not exists (
             select from cache_alert_event o
              where o.webhook_due > now() and o.id < e.id and o.event->>'scope' = e.event->>'scope'
                and o.event->>'key' is not distinct from e.event->>'key' and o.event->>'openedAt' = e.event->>'openedAt')
         order by id limit $1`,
      values: [most],
    });
    if (rows.length === 0) return 0;
    const again = await call(rows.map(toWaiting));
    await run({
      name: 'note-alert-webhook',
      text: `
        update cache_alert_event
           set webhook_tries = webhook_tries + 1,
               webhook_due = clock_timestamp() + $2::float8 * interval '1 millisecond'
         where id = any($1::bigint[])`,
      values: [rows.map((row) => row['id']), again],
    });
    return rows.length;
  });
}

function toWaiting(row: Row): WaitingAlertEvent {
  return { id: Number(row['id']), event: row['event'], tries: Number(row['tries']) };
}

/** By a statement of its own: one that reads as well would see the rows as they were before it had the lock. */
async function locked(run: (statement: Statement) => Promise<Row[]>, lock: number): Promise<boolean> {
  const [row] = await run({
    name: 'try-alert-lock',
    text: 'select pg_try_advisory_xact_lock($1) as mine',
    values: [lock],
  });
  return row?.['mine'] === true;
}
