import type { ProviderStatus } from '@mersal/contracts';
import { outranks, type ReportedState, reportedState } from '@mersal/lanes';
import {
  type CallbackDecision,
  type CallbackRule,
  type CallbackView,
  MESSAGE,
  type StoredState,
} from '@mersal/ledger';

/*
 * What a verified status callback does to its message.
 *
 *   sending, this attempt ──────► settled by it (the slot stays until the HTTP answer or the lease's end)
 *   unknown, this attempt ──────► settled by it
 *   retrying or waiting ────────► the attempt was judged not accepted, and was: the coming retry is cancelled
 *   sent, failed, delivered ────► rises by rank: sent < failed < delivered < read
 *   anything else ──────────────► kept as it came, changes nothing
 */
export const callbackRule: CallbackRule = (view, callback) => {
  if (!view) return ignore('unknown_message');
  const account = view.open?.attempt === callback.attempt ? view.open.accountSid : view.attempted?.accountSid;
  if (account && account !== callback.accountSid) return ignore('account_mismatch');
  if (view.attempted?.sid && view.attempted.sid !== callback.sid) return ignore('sid_mismatch');
  const reported = reportedState(callback.status as ProviderStatus);

  const known = KNOWN.get(view.state);
  if (known !== undefined) {
    if (view.sid !== null && view.sid !== callback.sid) return ignore('other_attempt');
    return outranks(reported, known) ? apply('risen', reported) : ignore('not_risen');
  }
  if (settles(view, callback.attempt)) return apply('settled', reported);
  return ignore('too_late');
};

const KNOWN: ReadonlyMap<StoredState, ReportedState> = new Map<StoredState, ReportedState>([
  [MESSAGE.sent, 'sent'],
  [MESSAGE.failed, 'failed'],
  [MESSAGE.delivered, 'delivered'],
  [MESSAGE.read, 'read'],
]);

function settles(view: CallbackView, attempt: number): boolean {
  switch (view.state) {
    case MESSAGE.waiting:
      if (view.open) return view.open.attempt === attempt;
      return view.attempted !== null && attempt <= view.attempt;
    case MESSAGE.retrying:
    case MESSAGE.held:
    case MESSAGE.unknown:
      return view.attempted !== null && attempt <= view.attempt;
    default:
      return false;
  }
}

function ignore(result: string): CallbackDecision {
  return { kind: 'ignore', result };
}

function apply(result: string, reported: ReportedState): CallbackDecision {
  return { kind: 'apply', result, state: MESSAGE[reported], event: reported };
}
