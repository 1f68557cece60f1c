import type { Database, Row, Statement, TransactionOptions } from '../database.js';
import { type Ownership, requireOwner } from '../ownership/ownership.js';
import { ADVANCE_LANES } from './advance-lanes.js';
import { LANE, MESSAGE, type StoredState } from '../states.js';
import { lockLanesOf } from './admit-retries.js';
import { type Effect, effectStatements } from './effects.js';
import { REPORTED_FAILED } from './settle.js';

/** A verified status callback, resolved to its restaurant's number. */
export interface Callback {
  readonly tenant: number;
  readonly u: string;
  readonly attempt: number;
  readonly accountSid: string;
  readonly sid: string;
  readonly status: string;
  readonly errorCode?: number | undefined;
  /** What the name of its template stood for, where it has one. */
  readonly contentSid?: string | undefined;
  readonly receivedAt: number;
}

/** What the ledger knows of a callback's message, read under its lane's lock. */
export interface CallbackView {
  readonly state: StoredState;
  /** The last attempt that was settled. */
  readonly attempt: number;
  readonly sid: string | null;
  readonly redrive: number;
  readonly retries: number;
  readonly acceptedAt: number;
  readonly sender: string;
  /** See recipientOf. */
  readonly recipient: string;
  /** The message as it was published; only read for reports of failure, null where it was erased. */
  readonly body: { readonly record: Buffer; readonly headers: Readonly<Record<string, string>> } | null;
  /** The attempt under way or in doubt, where the message is its lane's head or is sent without the queue. */
  readonly open: { readonly attempt: number; readonly accountSid: string | null } | null;
  /** What is known of the attempt that the callback names. */
  readonly attempted: {
    readonly sid: string | null;
    readonly accountSid: string | null;
    readonly outcome: string;
  } | null;
  /** What the attempt before that one failed with; only read for reports of failure, null after a redrive and where it had no code. */
  readonly codeBefore: number | null;
}

export interface GoneTemplate {
  readonly restaurantId: string;
  readonly accountSid: string;
  readonly name: string;
  readonly contentSid: string;
}

/**
 * The rule's answer. `state`: the message's new one; its lane goes on where the message was its head. With `retry` it is
 * tried again at `due` (ms since 1970) instead, and waits for its retry's record; `counted`: it uses a retry up.
 */
export type CallbackDecision =
  | { readonly kind: 'ignore'; readonly result: string }
  | {
      readonly kind: 'apply';
      readonly result: string;
      readonly state: StoredState;
      readonly event: string;
      readonly retry?: { readonly due: number; readonly counted: boolean };
      readonly errorClass?: string;
      readonly effects?: readonly Effect[];
      /** A name whose SID is gone, for whoever keeps SIDs: the ledger does nothing with it. */
      readonly gone?: GoneTemplate;
    };
type Applied = CallbackDecision & { readonly kind: 'apply' };

export type CallbackRule = (view: CallbackView | null, callback: Callback) => CallbackDecision;

export interface CallbackResult {
  readonly callback: Callback;
  readonly decision: CallbackDecision;
}

/** A batch of one partition's callbacks. */
export interface CallbackBatch {
  readonly own: Ownership;
  readonly callbacks: readonly Callback[];
  readonly rule: CallbackRule;
  /** What its admission writes besides. */
  readonly more: readonly Statement[];
}

/**
 * Applies batches of different partitions in one transaction, fenced for each: lock the lanes, read, decide by the rule,
 * write. Slots are not touched: a request counts until its answer or its lease's end, whatever a callback says.
 */
export async function applyCallbacks(
  database: Database,
  batches: readonly CallbackBatch[],
  options?: TransactionOptions,
): Promise<CallbackResult[][]> {
  const ordered = batches.toSorted((a, b) => a.own.partition - b.own.partition);
  const all = ordered.flatMap(({ callbacks, rule }) => callbacks.map((callback) => ({ callback, rule })));
  const callbacks = all.map(({ callback }) => callback);
  const results = await database.conversation(async (run) => {
    const answers = await Promise.all([
      ...ordered.map(({ own }) => run(requireOwner(own))),
      run(
        lockLanesOf(
          callbacks.map((c) => c.tenant),
          callbacks.map((c) => c.u),
        ),
      ),
      run(readViews(callbacks)),
    ]);
    const views = new Map((answers.at(-1) ?? []).map((row) => [row['o'] as string, toView(row)]));
    const seen = new Map<string, CallbackView>();
    const decided = all.map(({ callback, rule }, at) => {
      const key = `${callback.tenant}/${callback.u}/${callback.attempt}`;
      const view = seen.get(key) ?? views.get(String(at + 1)) ?? null;
      const decision = rule(view, callback);
      // The next callback of this batch must see what this one did.
      if (view && decision.kind === 'apply') seen.set(key, after(view, callback, decision));
      return { callback, decision };
    });
    const applied = decided.filter((result) => result.decision.kind === 'apply');
    const effects = applied.flatMap(({ decision }) => (decision as Applied).effects ?? []);
    const writes = [
      ...effectStatements(effects.toSorted((a, b) => a.tenant - b.tenant)),
      ...(decided.length > 0 ? [keepCallbacks(decided)] : []),
      ...(applied.length > 0 ? [writeCallbacks(latest(applied))] : []),
      ...ordered.flatMap(({ more }) => more),
    ];
    await Promise.all(writes.map(run));
    return decided;
  }, options);
  const byBatch = new Map<CallbackBatch, CallbackResult[]>();
  let at = 0;
  for (const batch of ordered) {
    byBatch.set(batch, results.slice(at, at + batch.callbacks.length));
    at += batch.callbacks.length;
  }
  return batches.map((batch) => byBatch.get(batch) ?? []);
}

function after(view: CallbackView, callback: Callback, decision: Applied): CallbackView {
  return {
    ...view,
    state: decision.state,
    sid: decision.retry ? null : callback.sid,
    retries: view.retries + (decision.retry?.counted ? 1 : 0),
    attempt: Math.max(view.attempt, callback.attempt),
    open: null,
    attempted: { sid: callback.sid, accountSid: callback.accountSid, outcome: outcomeOf(decision) },
  };
}

/** As it stands in the attempt's row: a SID that was reported failed proves nothing any more. */
function outcomeOf(decision: Applied): string {
  return decision.state === MESSAGE.failed || decision.retry ? REPORTED_FAILED : 'accepted';
}

/** The last one of each message, but every event: several steps in one batch are one write. */
function latest(
  results: readonly CallbackResult[],
): { readonly last: CallbackResult; readonly events: string[] }[] {
  const byMessage = new Map<string, { last: CallbackResult; events: string[] }>();
  for (const result of results) {
    const key = `${result.callback.tenant}/${result.callback.u}`;
    const known = byMessage.get(key);
    const event = result.decision.kind === 'apply' ? result.decision.event : '';
    if (known) {
      known.last = result;
      known.events.push(event);
    } else byMessage.set(key, { last: result, events: [event] });
  }
  return [...byMessage.values()];
}

/** Statuses that the rule weighs by who the message is for. */
const FAILED: ReadonlySet<string> = new Set(['failed', 'undelivered']);

function readViews(callbacks: readonly Callback[]): Statement {
  return {
    name: 'read-callback-views',
    text: `
      select i.o, m.state, m.attempt, m.account_sid, m.sid, m.redrive, m.retries, extract(epoch from coalesce(m.redriven_at, m.accepted_at)) * 1000 as accepted_at,
             m.sender, encode(m.recipient, 'hex') as recipient, b.record, b.headers, l.state as lane_state, l.attempt as lane_attempt, l.account_sid as lane_account,
             a.sid as attempt_sid, a.account_sid as attempt_account, a.outcome, p.code as code_before
        from unnest($1::int[], $2::uuid[], $3::smallint[], $4::boolean[]) with ordinality i(tenant, u, attempt, failed, o)
        join message m on m.tenant = i.tenant and m.u = i.u
        left join lane l on l.tenant = m.tenant and l.lane = m.lane and l.head = m.u
        left join attempt a on a.tenant = i.tenant and a.u = i.u and a.attempt = i.attempt
        left join body b on i.failed and b.tenant = i.tenant and b.u = i.u
        left join lateral (
          select x.code from attempt x
           where i.failed and x.tenant = i.tenant and x.u = i.u and x.attempt < i.attempt and x.redrive = m.redrive
           order by x.attempt desc limit 1) p on true
         for no key update of m`,
    values: [
      callbacks.map((c) => c.tenant),
      callbacks.map((c) => c.u),
      callbacks.map((c) => c.attempt),
      callbacks.map((c) => FAILED.has(c.status)),
    ],
  };
}

function toView(row: Row): CallbackView {
  const direct = row['state'] === MESSAGE.direct;
  return {
    state: row['state'] as StoredState,
    attempt: row['attempt'] as number,
    sid: row['sid'] as string | null,
    redrive: row['redrive'] as number,
    retries: row['retries'] as number,
    acceptedAt: Number(row['accepted_at']),
    sender: row['sender'] as string,
    recipient: row['recipient'] as string,
    body:
      row['record'] === null
        ? null
        : { record: row['record'] as Buffer, headers: row['headers'] as Record<string, string> },
    open: direct
      ? { attempt: row['attempt'] as number, accountSid: row['account_sid'] as string | null }
      : row['lane_state'] === LANE.sending
        ? { attempt: row['lane_attempt'] as number, accountSid: row['lane_account'] as string | null }
        : null,
    attempted:
      row['outcome'] === null
        ? null
        : {
            sid: row['attempt_sid'] as string | null,
            accountSid: row['attempt_account'] as string | null,
            outcome: row['outcome'] as string,
          },
    codeBefore: row['code_before'] as number | null,
  };
}

function keepCallbacks(results: readonly CallbackResult[]): Statement {
  const column = <T>(pick: (result: CallbackResult) => T): T[] => results.map(pick);
  return {
    name: 'keep-callbacks',
    text: `
      insert into callback (tenant, u, sid, status, attempt, account_sid, code, received_at, result)
      select * from unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::int[],
                           $8::timestamptz[], $9::text[])
      on conflict (tenant, u, sid, status) do nothing`,
    values: [
      column((r) => r.callback.tenant),
      column((r) => r.callback.u),
      column((r) => r.callback.sid),
      column((r) => r.callback.status),
      column((r) => r.callback.attempt),
      column((r) => r.callback.accountSid),
      column((r) => r.callback.errorCode ?? null),
      column((r) => new Date(r.callback.receivedAt).toISOString()),
      column((r) => r.decision.result),
    ],
  };
}

function writeCallbacks(
  changes: readonly { readonly last: CallbackResult; readonly events: string[] }[],
): Statement {
  const column = <T>(pick: (callback: Callback, decision: Applied, events: string[]) => T): T[] =>
    changes.map(({ last, events }) => pick(last.callback, last.decision as Applied, events));
  return {
    name: 'write-callbacks',
    text: `
      with i as (
        select * from unnest($1::int[], $2::uuid[], $3::smallint[], $4::smallint[], $5::text[], $6::text[], $7::int[],
                             $8::timestamptz[], $9::text[], $10::timestamptz[], $11::smallint[], $12::text[], $13::text[])
          as i(tenant, u, attempt, state, sid, account_sid, code, received_at, events, due, counted, error_class, outcome)
      ), m as (
        update message x set state = i.state, sid = case when i.due is null then i.sid end, account_sid = i.account_sid,
               attempt = greatest(x.attempt, i.attempt), retries = x.retries + i.counted, due = coalesce(i.due, x.due),
               error_code = i.code, error_class = i.error_class, changed_at = clock_timestamp()
          from i where x.tenant = i.tenant and x.u = i.u
        returning x.tenant, x.u, x.lane, x.partition, x.redrive, i.attempt, i.sid, i.account_sid, i.code, i.received_at, i.events,
                  i.due, i.error_class, i.outcome
      ), a as (
        insert into attempt (tenant, u, attempt, redrive, account_sid, started_at, outcome, code, sid)
        select tenant, u, attempt, redrive, account_sid, received_at, outcome, code, sid from m
        on conflict (tenant, u, attempt) do update
           set sid = excluded.sid, outcome = excluded.outcome, code = excluded.code
         where attempt.sid is null or attempt.outcome <> excluded.outcome
      ), head as (
        select m.* from m join lane l on l.tenant = m.tenant and l.lane = m.lane and l.head = m.u
      ), again as (
        update lane l set state = ${LANE.retrying}, lease = null from head h
         where l.tenant = h.tenant and l.lane = h.lane and h.due is not null
      ), nx as (
        select h.tenant, h.lane, h.u as done, z.u, z.priority, z.seq, z.due
          from head h left join lateral (
            select q.u, q.priority, q.seq, q.due from message q
             where q.tenant = h.tenant and q.lane = h.lane and q.state = ${MESSAGE.waiting} and q.u <> h.u
             order by q.priority desc, q.seq limit 1) z on true
           where h.due is null
      ), ${ADVANCE_LANES}
      insert into outbox (partition, tenant, u, redrive, attempt, state, detail)
      select m.partition, m.tenant, m.u, m.redrive, m.attempt, event,
             jsonb_strip_nulls(jsonb_build_object('sid', m.sid, 'accountSid', m.account_sid,
               'notBefore', (extract(epoch from m.due) * 1000)::bigint,
               'error', case when m.error_class is not null then
                          jsonb_strip_nulls(jsonb_build_object('class', m.error_class, 'code', m.code)) end))
        from m, unnest(string_to_array(m.events, ',')) with ordinality e(event, o)
       order by m.tenant, m.u, e.o`,
    values: [
      column((c) => c.tenant),
      column((c) => c.u),
      column((c) => c.attempt),
      column((_c, d) => d.state),
      column((c) => c.sid),
      column((c) => c.accountSid),
      column((c) => c.errorCode ?? null),
      column((c) => new Date(c.receivedAt).toISOString()),
      column((_c, _d, events) => events.join(',')),
      column((_c, d) => (d.retry ? new Date(d.retry.due).toISOString() : null)),
      column((_c, d) => (d.retry?.counted ? 1 : 0)),
      column((c, d) => d.errorClass ?? (c.errorCode === undefined ? null : 'reported')),
      column((_c, d) => outcomeOf(d)),
    ],
  };
}
