import type { Database, Statement } from '../database.js';
import { UNDECIDED } from '../messages/leases.js';
import { setPause, liftPause } from '../pauses/pauses.js';
import { LANE, MESSAGE } from '../states.js';
import { auditRow } from '../audit/audit.js';
import { type AddressOf, applyOptOuts } from './opt-outs.js';

/*
 * A ledger that came back from a backup has forgotten what it did since. Kafka has not.
 *
 *   begin ─► a new incarnation: no right of before is valid ─► everything is paused
 *     ─► senders file again what the log has ─► outcomes since the backup are told to the rows
 *     ─► what has no end then may have been sent all the same: unknown, reconciliation asks the provider ─► sending goes on
 */

/** A restore that was begun and not finished. Times are ms since 1970. */
export interface Restore {
  /** The newest that the backup knew of. */
  readonly from: number;
  readonly at: number;
}

/** What an outcome of the log says of a message. */
export interface ToldOutcome {
  readonly restaurantId: string;
  /** 32 hex digits. */
  readonly u: string;
  readonly redrive: number;
  readonly attempt: number;
  readonly state: string;
  /** ms since 1970 */
  readonly at: number;
  readonly sid: string | null;
  readonly accountSid: string | null;
  /** Why the recipient counts as opted out; null: it says nothing of that. */
  readonly optedOut: string | null;
}

/** What of the ledger outcomes of the log changed. */
export interface AppliedOutcomes {
  readonly changed: number;
  /** Recipients who may not be written to any more, and would have been. */
  readonly optOuts: number;
}

const REASON = 'the ledger was restored';

export async function readRestore(database: Database): Promise<Restore | undefined> {
  const [row] = await database.run({
    name: 'read-restore',
    text: `
      select extract(epoch from restored_from) * 1000 as from, extract(epoch from restored_at) * 1000 as at
        from installation where restored_at is not null`,
    values: [],
  });
  return row && { from: Number(row['from']), at: Number(row['at']) };
}

/**
 * Makes the new incarnation, gives all slots and lanes back that the backup has under way, and pauses everything. Run a second
 * time before the end it changes nothing.
 */
export async function beginRestore(database: Database, by: string): Promise<Restore> {
  await database.transaction([
    {
      name: 'begin-restore',
      text: `
        update installation set incarnation = gen_random_uuid(), restored_at = clock_timestamp(),
               restored_from = coalesce(greatest((select max(changed_at) from message), (select max(accepted_at) from message),
                                                 (select max(at) from outbox)), created_at)
         where restored_at is null`,
      values: [],
    },
    {
      name: 'begin-restore-slots',
      text: 'update slot set lease = null, u = null, attempt = null where lease is not null',
      values: [],
    },
    {
      name: 'begin-restore-lanes',
      text: `update lane set state = ${LANE.open}, lease = null where state = ${LANE.sending}`,
      values: [],
    },
    setPause({ scope: 'all' }, null, REASON, by),
    {
      // The installation forgets it at the end; who reviews what came back asks for it after that, too.
      name: 'audit-restore-begin',
      text: `
        insert into audit (actor, action, subject, detail)
        select $1, 'restore.begin', 'everything', jsonb_build_object('newest', floor(extract(epoch from restored_from) * 1000))
          from installation`,
      values: [by],
    },
  ]);
  const restore = await readRestore(database);
  if (!restore) throw new Error('the installation has no row');
  return restore;
}

const STATES: Readonly<Record<string, number>> = {
  retrying: MESSAGE.retrying,
  unknown: MESSAGE.unknown,
  sent: MESSAGE.sent,
  failed: MESSAGE.failed,
  delivered: MESSAGE.delivered,
  read: MESSAGE.read,
  dead: MESSAGE.dead,
  cancelled: MESSAGE.cancelled,
  expired: MESSAGE.expired,
};
const ACCEPTED = `${MESSAGE.sent}, ${MESSAGE.failed}, ${MESSAGE.delivered}, ${MESSAGE.read}`;
const OPEN = `(x.state < ${MESSAGE.sent} or (x.state = ${MESSAGE.refused} and x.queued))`;

/** Tells rows what the log says of them and of their recipients; of one partition, in the order of the log. May be repeated. */
export async function applyOutcomes(
  database: Database,
  outcomes: readonly ToldOutcome[],
  addressOf: AddressOf,
): Promise<AppliedOutcomes> {
  const told = outcomes.filter(({ state }) => STATES[state] !== undefined);
  if (told.length === 0) return { changed: 0, optOuts: 0 };
  const last = new Map<string, ToldOutcome>();
  for (const one of told) {
    const key = `${one.restaurantId}/${one.u}`;
    const known = last.get(key);
    if (
      !known ||
      one.redrive > known.redrive ||
      (one.redrive === known.redrive && one.attempt >= known.attempt)
    )
      last.set(key, one);
  }
  const [, rows] = await database.transaction([
    attempted(told.filter(({ sid }) => sid !== null)),
    ended([...last.values()]),
  ]);
  const optedOut = told.flatMap(({ restaurantId, u, at, optedOut: reason }) =>
    reason === null ? [] : [{ restaurantId, u, at, reason }],
  );
  return { changed: rows?.length ?? 0, optOuts: await applyOptOuts(database, optedOut, addressOf) };
}

/** Every SID is noted with its attempt: what the provider lists under it is no other message's. */
function attempted(outcomes: readonly ToldOutcome[]): Statement {
  return {
    name: 'restore-attempts',
    text: `
      insert into attempt (tenant, u, attempt, redrive, account_sid, started_at, finished_at, outcome, sid)
      select distinct on (x.tenant, x.u, i.attempt) x.tenant, x.u, i.attempt, i.redrive, i.account_sid, i.at, i.at, 'accepted', i.sid
        from ${unnested} join tenant t on t.restaurant_id = i.restaurant join message x on x.tenant = t.id and x.u = i.u
       where not x.erased
      on conflict (tenant, u, attempt) do update
         set outcome = 'accepted', sid = excluded.sid, finished_at = excluded.finished_at where attempt.sid is null`,
    values: unnestedValues(outcomes),
  };
}

/** A state that is told later in the log replaces an earlier one; what the backup knows better stays. */
function ended(outcomes: readonly ToldOutcome[]): Statement {
  return {
    name: 'restore-outcomes',
    text: `
      update message x
         set state = i.state, attempt = greatest(x.attempt, i.attempt), redrive = greatest(x.redrive, i.redrive),
             sid = coalesce(i.sid, x.sid), account_sid = coalesce(i.account_sid, x.account_sid),
             error_class = case when i.state in (${ACCEPTED}) then null else x.error_class end, changed_at = clock_timestamp()
        from ${unnested} join tenant t on t.restaurant_id = i.restaurant
       where x.tenant = t.id and x.u = i.u and i.redrive >= x.redrive
         and case when i.state < ${MESSAGE.sent} then x.state in (${MESSAGE.sent}, ${MESSAGE.failed}) and i.attempt >= x.attempt
                  when ${OPEN} then true
                  when i.state in (${ACCEPTED}) then x.state not in (${ACCEPTED}) or i.state > x.state
                  else i.redrive > x.redrive end
      returning x.u`,
    values: unnestedValues(outcomes),
  };
}

const unnested = `unnest($1::text[], $2::uuid[], $3::smallint[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::text[], $8::text[])
          as i(restaurant, u, redrive, attempt, state, at, sid, account_sid)`;

function unnestedValues(outcomes: readonly ToldOutcome[]): unknown[] {
  return [
    outcomes.map((one) => one.restaurantId),
    outcomes.map((one) => one.u),
    outcomes.map((one) => one.redrive),
    outcomes.map((one) => one.attempt),
    outcomes.map((one) => STATES[one.state]),
    outcomes.map((one) => new Date(one.at).toISOString()),
    outcomes.map((one) => one.sid),
    outcomes.map((one) => one.accountSid),
  ];
}

/**
 * The provider's own reports prove acceptance, whatever the rows know of the attempt. One whose SID also failed proves nothing: it
 * was tried again perhaps.
 */
const BY_CALLBACKS: Statement = {
  name: 'restore-callbacks',
  text: `
    with c as (
      select distinct on (c.tenant, c.u) c.tenant, c.u, c.sid, c.attempt, c.account_sid, c.received_at,
             case c.status when 'read' then ${MESSAGE.read} when 'delivered' then ${MESSAGE.delivered} else ${MESSAGE.sent} end as state
        from callback c join message x on x.tenant = c.tenant and x.u = c.u
       where ${OPEN} and not exists (
         select from callback f where f.tenant = c.tenant and f.u = c.u and f.sid = c.sid
            and f.status in ('failed', 'undelivered', 'canceled'))
       order by c.tenant, c.u, state desc
    ), a as (
      insert into attempt (tenant, u, attempt, redrive, account_sid, started_at, finished_at, outcome, sid)
      select c.tenant, c.u, c.attempt, x.redrive, c.account_sid, c.received_at, c.received_at, 'accepted', c.sid
        from c join message x on x.tenant = c.tenant and x.u = c.u
      on conflict (tenant, u, attempt) do update set outcome = 'accepted', sid = excluded.sid
    )
    update message x set state = c.state, sid = c.sid, account_sid = c.account_sid, attempt = greatest(x.attempt, c.attempt),
           error_class = null, changed_at = clock_timestamp()
      from c where x.tenant = c.tenant and x.u = c.u
    returning x.u`,
  values: [],
};

/** Clocks differ, in s: an attempt may have begun a little before the newest that the backup knows. */
const ALLOWANCE_S = 60;

/**
 * Nobody knows whether these were sent since the backup. What is scheduled for later was not; what waits for an operator goes on
 * waiting.
 */
const SUSPECT: Statement = {
  name: 'restore-suspects',
  text: `
    with m as (
      update message x set state = ${MESSAGE.unknown}, attempt = x.attempt + 1, error_class = null,
             account_sid = t.account_sid, changed_at = clock_timestamp()
        from tenant t
       where t.id = x.tenant and ${OPEN} and not (x.state = ${MESSAGE.scheduled} and x.due > clock_timestamp())
         and not (x.state = ${MESSAGE.unknown} and x.error_class is not distinct from '${UNDECIDED}')
      returning x.tenant, x.u, x.attempt, x.redrive, x.account_sid, x.partition, t.restaurant_id
    ), e as (
      insert into outbox (partition, tenant, u, redrive, attempt, state, detail)
      select partition, tenant, u, redrive, attempt, 'unknown',
             '{"error": {"class": "ambiguous", "message": "the ledger was restored"}}' from m
    )
    insert into attempt (tenant, u, attempt, redrive, account_sid, started_at, finished_at, outcome, counted)
    select m.tenant, m.u, m.attempt, m.redrive, m.account_sid, i.restored_from - interval '${ALLOWANCE_S} s', clock_timestamp(),
           'ambiguous', false
      from m cross join installation i
    returning u`,
  values: [],
};

/** Nothing waits now: conversations stand behind their suspects, and those behind a dead message still do. */
const LANES: readonly Statement[] = [
  {
    name: 'restore-lanes-gone',
    text: `
      delete from lane l where not (l.state = ${LANE.held} and exists (
        select from message m where m.tenant = l.tenant and m.u = l.head and m.state = ${MESSAGE.dead}))`,
    values: [],
  },
  {
    name: 'restore-lanes',
    text: `
      insert into lane (tenant, lane, partition, head, priority, seq, due, state, attempt, account_sid)
      select distinct on (m.tenant, m.lane) m.tenant, m.lane, m.partition, m.u, m.priority, m.seq, '-infinity', ${LANE.unknown},
             m.attempt, m.account_sid
        from message m where m.state = ${MESSAGE.unknown} and m.error_class is distinct from '${UNDECIDED}'
       order by m.tenant, m.lane, m.priority desc, m.seq
      on conflict (tenant, lane) do nothing`,
    values: [],
  },
];

export interface FinishedRestore {
  readonly byCallbacks: number;
  readonly suspects: number;
}

/** Marks the suspects and lets sending go on, in one transaction. */
export async function finishRestore(
  database: Database,
  by: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<FinishedRestore> {
  const [, callbacks, suspects] = await database.transaction([
    { name: 'restore-lock', text: 'lock table lane, message in share row exclusive mode', values: [] },
    BY_CALLBACKS,
    SUSPECT,
    ...LANES,
    {
      name: 'restore-ends',
      text: 'update installation set restored_from = null, restored_at = null',
      values: [],
    },
    liftPause({ scope: 'all' }, by),
    auditRow(by, 'restore.finish', 'everything', detail),
  ]);
  return { byCallbacks: callbacks?.length ?? 0, suspects: suspects?.length ?? 0 };
}
