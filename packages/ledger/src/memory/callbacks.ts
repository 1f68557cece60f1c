import type {
  Callback,
  CallbackDecision,
  CallbackResult,
  CallbackRule,
  CallbackView,
} from '../messages/callbacks.js';
import { REPORTED_FAILED } from '../messages/settle.js';
import { LANE, MESSAGE } from '../states.js';
import { carryOut } from './effects.js';
import { advance } from './lanes.js';
import { key, type MessageRow, type Tables } from './tables.js';

/** Applies callbacks one after the other, by the rule. Slots are not touched. */
export function applyCallbacks(
  tables: Tables,
  callbacks: readonly Callback[],
  rule: CallbackRule,
): CallbackResult[] {
  return callbacks.map((callback) => {
    const message = tables.message(callback.tenant, callback.u);
    const decision = rule(message ? viewOf(tables, message, callback) : null, callback);
    keep(tables, callback, decision.result);
    if (message && decision.kind === 'apply') write(tables, message, callback, decision);
    return { callback, decision };
  });
}

function viewOf(tables: Tables, message: MessageRow, { attempt, status }: Callback): CallbackView {
  const lane = tables.laneHeadedBy(message);
  const attempted = tables.attempt(message.tenant, message.u, attempt);
  const { state, sid, redrive, retries, sender, recipient } = message;
  return {
    state,
    attempt: message.attempt,
    sid,
    open:
      state === MESSAGE.direct
        ? { attempt: message.attempt, accountSid: message.accountSid }
        : lane?.state === LANE.sending
          ? { attempt: lane.attempt ?? 0, accountSid: lane.accountSid }
          : null,
    attempted: attempted
      ? { sid: attempted.sid, accountSid: attempted.accountSid, outcome: attempted.outcome }
      : null,
    codeBefore: FAILED.has(status) ? codeBefore(tables, message, attempt) : null,
    redrive,
    retries,
    acceptedAt: message.redrivenAt ?? message.acceptedAt,
    sender,
    recipient,
    body: FAILED.has(status) ? (tables.bodies.get(key(message.tenant, message.u)) ?? null) : null,
  };
}

function codeBefore(tables: Tables, { tenant, u, redrive }: MessageRow, attempt: number): number | null {
  const before = [...(tables.attempts.get(key(tenant, u))?.values() ?? [])]
    .filter((one) => one.attempt < attempt && one.redrive === redrive)
    .toSorted((a, b) => b.attempt - a.attempt);
  return before[0]?.code ?? null;
}

/** Statuses that the rule weighs by who the message is for. */
const FAILED: ReadonlySet<string> = new Set(['failed', 'undelivered']);

function keep(tables: Tables, callback: Callback, result: string): void {
  const id = key(callback.tenant, callback.u);
  const all = tables.callbacks.get(id) ?? [];
  if (all.some((one) => one.sid === callback.sid && one.status === callback.status)) return;
  const { u, attempt, status, sid, errorCode, receivedAt } = callback;
  all.push({ u, attempt, status, sid, code: errorCode ?? null, receivedAt, result });
  tables.callbacks.set(id, all);
}

function write(
  tables: Tables,
  message: MessageRow,
  callback: Callback,
  decision: CallbackDecision & { kind: 'apply' },
): void {
  carryOut(tables, decision.effects);
  const { attempt, sid, accountSid, errorCode } = callback;
  const { retry } = decision;
  const known = tables.attempt(message.tenant, message.u, attempt);
  const outcome = retry || decision.state === MESSAGE.failed ? REPORTED_FAILED : 'accepted';
  if (!known || known.sid === null || known.outcome !== outcome)
    tables.keepAttempt(message.tenant, message.u, {
      attempt,
      redrive: known?.redrive ?? message.redrive,
      counted: known?.counted ?? true,
      accountSid: known?.accountSid ?? accountSid,
      startedAt: known?.startedAt ?? callback.receivedAt,
      finishedAt: known?.finishedAt ?? null,
      outcome,
      httpStatus: known?.httpStatus ?? null,
      code: errorCode ?? null,
      sid,
    });
  message.state = retry ? MESSAGE.retrying : decision.state;
  message.sid = retry ? null : sid;
  message.accountSid = accountSid;
  message.attempt = Math.max(message.attempt, attempt);
  message.errorCode = errorCode ?? null;
  message.errorClass = decision.errorClass ?? (errorCode === undefined ? null : 'reported');
  message.changedAt = tables.clock();
  const error = message.errorClass === null ? {} : { error: errorOf(message.errorClass, errorCode) };
  if (!retry) {
    tables.event(message, decision.event, { attempt, detail: { sid, accountSid, ...error } });
    advance(tables, message);
    return;
  }
  message.due = retry.due;
  message.retries += retry.counted ? 1 : 0;
  tables.event(message, decision.event, {
    attempt,
    detail: { sid, accountSid, notBefore: retry.due, ...error },
  });
  const lane = tables.laneHeadedBy(message);
  if (lane) Object.assign(lane, { state: LANE.retrying, lease: null });
}

function errorOf(kind: string, code: number | undefined): { class: string; code?: number } {
  return code === undefined ? { class: kind } : { class: kind, code };
}
