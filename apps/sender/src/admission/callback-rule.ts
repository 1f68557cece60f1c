import { decodeEvent, type ProviderStatus, type SendRequested } from '@mersal/contracts';
import { type Failure, type Subject, weigh, type Weighing } from '@mersal/delivery';
import { outranks, type ReportedState, reportedState } from '@mersal/lanes';
import {
  type Callback,
  type CallbackDecision,
  type CallbackRule,
  type CallbackView,
  type GoneTemplate,
  MESSAGE,
  REPORTED_FAILED,
  type StoredState,
} from '@mersal/ledger';
import { classify } from '@mersal/twilio-gateway';

/*
 * What a verified status callback does to its message.
 *
 *   sending or direct, this one ► settled by it (the slot stays until the HTTP answer or the lease's end)
 *   unknown, this attempt ──────► settled by it
 *   retrying or waiting ────────► the attempt was judged not accepted, and was: the coming retry is cancelled
 *   dead, cancelled, expired,
 *   refused ────────────────────► the same: it was given up, and was accepted
 *   sent, failed, delivered ────► rises by rank: sent < failed < delivered < read
 *   anything else ──────────────► kept as it came, changes nothing
 *
 * A report of failure that may pass (by the outcome table) makes it retrying instead of failed. The SID that failed proves
 * nothing any more, unless it turns out delivered after all. A named template that is gone is told as such, whatever becomes of
 * its message: others name it too.
 */
export function createCallbackRule(by: Omit<Weighing, 'now'> & { readonly now: () => number }): CallbackRule {
  return (view, callback) => {
    if (!view) return ignore('unknown_message');
    const account =
      view.open?.attempt === callback.attempt ? view.open.accountSid : view.attempted?.accountSid;
    if (account && account !== callback.accountSid) return ignore('account_mismatch');
    if (view.attempted?.sid && view.attempted.sid !== callback.sid) return ignore('sid_mismatch');
    const reported = reportedState(callback.status as ProviderStatus);

    const known = KNOWN.get(view.state);
    if (known !== undefined) {
      if (view.sid !== null && view.sid !== callback.sid) return ignore('other_attempt');
      if (!outranks(reported, known)) return ignore('not_risen');
      return reported === 'failed' ? failed(view, callback, 'risen') : apply('risen', reported);
    }
    if (view.attempted?.outcome === REPORTED_FAILED && !outranks(reported, 'failed'))
      return ignore('not_risen');
    if (!settles(view, callback.attempt)) return ignore('too_late');
    return reported === 'failed' ? failed(view, callback, 'settled') : apply('settled', reported);
  };

  function failed(view: CallbackView, callback: Callback, result: string): CallbackDecision {
    const row = classify({ where: 'callback', code: callback.errorCode });
    // Given up before, or taken back by the account's owner: nobody wants it sent again.
    const over = GIVEN_UP.has(view.state) || callback.status === 'canceled';
    const send = view.body && sendIn(view.body);
    const gone = row.class === 'template_gone' && send ? goneTemplate(send, callback) : undefined;
    const plain = { ...apply(result, 'failed'), errorClass: row.class, ...(gone ? { gone } : {}) };
    if (over || !send || row.class === 'accepted' || row.class === 'ambiguous') return plain;
    const failure: Failure = {
      class: row.class,
      countsAttempt: row.countsAttempt,
      message: row.meaning,
      code: callback.errorCode,
      pause: row.pause,
    };
    const subject: Subject = {
      tenant: callback.tenant,
      u: callback.u,
      accountSid: callback.accountSid,
      credentials: null,
      sender: view.sender,
      recipient: view.recipient,
      address: send.to,
      attempt: callback.attempt,
      retries: view.retries,
      acceptedAt: view.acceptedAt,
      lastError:
        view.codeBefore === null ? null : classify({ where: 'callback', code: view.codeBefore }).class,
      namesTemplate: send.content.kind === 'template',
    };
    const now = by.now();
    const consequence = weigh(failure, subject, { ...by, now });
    const { effects } = consequence;
    if (consequence.kind === 'over') return { ...plain, effects };
    const retry =
      consequence.kind === 'wait'
        ? { due: now, counted: false }
        : { due: consequence.due, counted: consequence.counted };
    return {
      ...plain,
      result: `${result}_again`,
      state: MESSAGE.retrying,
      event: 'retrying',
      retry,
      effects,
    };
  }
}

const KNOWN: ReadonlyMap<StoredState, ReportedState> = new Map<StoredState, ReportedState>([
  [MESSAGE.sent, 'sent'],
  [MESSAGE.failed, 'failed'],
  [MESSAGE.delivered, 'delivered'],
  [MESSAGE.read, 'read'],
]);

const GIVEN_UP: ReadonlySet<StoredState> = new Set<StoredState>([
  MESSAGE.dead,
  MESSAGE.cancelled,
  MESSAGE.expired,
  MESSAGE.refused,
]);

function sendIn(body: NonNullable<CallbackView['body']>): SendRequested {
  return decodeEvent(body.headers, body.record).data as SendRequested;
}

/** The name and the SID that it stood for at that attempt; an attempt of an older release does not tell. */
function goneTemplate(
  { restaurantId, content }: SendRequested,
  { accountSid, contentSid }: Callback,
): GoneTemplate | undefined {
  return content.kind === 'template' && contentSid !== undefined
    ? { restaurantId, accountSid, name: content.template, contentSid }
    : undefined;
}

function settles(view: CallbackView, attempt: number): boolean {
  switch (view.state) {
    case MESSAGE.waiting:
      if (view.open) return view.open.attempt === attempt;
      return view.attempted !== null && attempt <= view.attempt;
    case MESSAGE.direct:
      return view.open?.attempt === attempt;
    case MESSAGE.retrying:
    case MESSAGE.held:
    case MESSAGE.unknown:
    case MESSAGE.dead:
    case MESSAGE.cancelled:
    case MESSAGE.expired:
    case MESSAGE.refused:
      return view.attempted !== null && attempt <= view.attempt;
    default:
      return false;
  }
}

function ignore(result: string): CallbackDecision {
  return { kind: 'ignore', result };
}

function apply(result: string, reported: ReportedState): CallbackDecision & { readonly kind: 'apply' } {
  return { kind: 'apply', result, state: MESSAGE[reported], event: reported };
}
