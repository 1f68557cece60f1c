import { joinMessageId, parseMessageId } from '@mersal/contracts';

/** What is known of a dead letter, of a message or of a record that never became one. Times are ms since 1970. */
export interface LetterFacts<Kind, Refusal, Place> {
  readonly kind: Kind;
  readonly u: string;
  /** Null: the record never became a message. */
  readonly tag: string | null;
  readonly restaurantId: string | null;
  readonly reason: string;
  readonly errorClass: string | null;
  readonly errorCode: number | null;
  readonly attempts: number;
  readonly redrive: number;
  readonly acceptedAt: number | null;
  readonly deadAt: number;
  /** Null: it can be put back. */
  readonly refusal: Refusal;
  readonly record: Place;
}

/** Of a record that never became a message. */
export const RECORD_ID = /^[0-9a-f]{32}$/;

/** A message's own id, or the id of a record that never became one. */
export function letterId({ u, tag }: { readonly u: string; readonly tag: string | null }): string {
  return tag === null ? u : joinMessageId(u, tag);
}

/** The ledger's part of a dead letter's id; undefined where it is none. */
export function uOfLetter(id: string): string | undefined {
  return RECORD_ID.test(id) ? id : parseMessageId(id)?.u;
}

/** A dead letter as operators see it: nothing of its text and its numbers. */
export function shownLetter<Kind, Refusal, Place>(letter: LetterFacts<Kind, Refusal, Place>) {
  return {
    id: letterId(letter),
    kind: letter.kind,
    restaurantId: letter.restaurantId,
    reason: letter.reason,
    class: letter.errorClass,
    code: letter.errorCode,
    attempts: letter.attempts,
    redrives: letter.redrive,
    acceptedAt: letter.acceptedAt === null ? null : new Date(letter.acceptedAt).toISOString(),
    deadAt: new Date(letter.deadAt).toISOString(),
    refusal: letter.refusal,
    record: letter.record,
  };
}
