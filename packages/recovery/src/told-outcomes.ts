import { decodeEvent, type MessageOutcome, UndecodableRecord } from '@mersal/contracts';
import type { InRecord } from '@mersal/kafka';

/*
 * What the outcomes topic tells of messages that the ledger does not have. A ledger that was restored has forgotten what it
 * did since its backup; the topic has not.
 *
 *   nothing, queued, retrying ──► it was waiting: it may be sent
 *   unknown, attempted ─────────► it may have been accepted
 *   anything else ──────────────► it is over
 */
const RANK: Readonly<Record<MessageOutcome['state'], number>> = {
  queued: 0,
  attempted: 1,
  unknown: 2,
  retrying: 3,
  sent: 4,
  failed: 4,
  delivered: 5,
  read: 6,
  dead: 4,
  cancelled: 4,
  expired: 4,
};
const WAITED: ReadonlySet<string> = new Set(['queued', 'retrying']);

type Step = readonly [redrive: number, attempt: number, rank: number];

interface Told {
  step: Step;
  state: MessageOutcome['state'];
}

/** Collects what is told of some messages. Bounded by the messages that it was made for. */
export class ToldOutcomes {
  readonly #told = new Map<string, Told | null>();

  /** Asks for a message. */
  expect(messageId: string): void {
    this.#told.set(messageId, null);
  }

  get size(): number {
    return this.#told.size;
  }

  hear(records: readonly InRecord[]): void {
    for (const record of records) {
      const outcome = outcomeOf(record);
      if (outcome === undefined) continue;
      const known = this.#told.get(outcome.messageId);
      // Nobody asked for it.
      if (known === undefined) continue;
      const step: Step = [outcome.redrive, outcome.attempt, RANK[outcome.state]];
      if (known === null || isAtLeast(step, known.step))
        this.#told.set(outcome.messageId, { step, state: outcome.state });
    }
  }

  /** The state that forbids to send it; undefined: it waited, or nothing is told of it. */
  forbids(messageId: string): MessageOutcome['state'] | undefined {
    const told = this.#told.get(messageId);
    return !told || WAITED.has(told.state) ? undefined : told.state;
  }
}

function outcomeOf(record: InRecord): MessageOutcome | undefined {
  try {
    const event = decodeEvent(record.headers, record.value);
    return event.type === 'mersal.message.outcome.v1' ? event.data : undefined;
  } catch (error) {
    // Says nothing of any message, then.
    if (error instanceof UndecodableRecord) return undefined;
    throw error;
  }
}

function isAtLeast(a: Step, b: Step): boolean {
  for (const [at, value] of a.entries()) {
    const other = b[at] ?? 0;
    if (value !== other) return value > other;
  }
  return true;
}
