import { joinMessageId, parseMessageId } from '@mersal/contracts';
import type { DeadLetter, DeadPlace } from '@mersal/ledger';
import { z } from 'zod';
import { Problem } from '../problems/problem.js';
import { timeText } from '../requests/time-text.js';

export const deadLetterSchema = z.object({
  id: z.string().describe("the message's id; of a record that never became one 32 digits"),
  kind: z.enum(['message', 'record']),
  restaurantId: z.string().nullable(),
  reason: z.string(),
  class: z.string().nullable(),
  code: z.int().nullable().describe("the provider's"),
  attempts: z.int(),
  redrives: z.int(),
  acceptedAt: timeText.nullable(),
  deadAt: timeText,
  refusal: z
    .string()
    .nullable()
    .describe('why it can not be put back: unfiled, outcome_unknown or past_expiry; null: it can'),
  record: z
    .object({
      topic: z.string(),
      partition: z.int(),
      offset: z.string(),
      event: z.string().nullable(),
      bytes: z.int(),
    })
    .nullable()
    .describe('where the record stood'),
});

/** A dead letter as the API shows it: never its text or a number. */
export function deadLetterBody(letter: DeadLetter): z.infer<typeof deadLetterSchema> {
  return {
    id: letter.tag === null ? letter.u : joinMessageId(letter.u, letter.tag),
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

/** The ledger's part of a dead letter's id; undefined where it is none. */
export function uOfLetter(id: string): string | undefined {
  return /^[0-9a-f]{32}$/.test(id) ? id : parseMessageId(id)?.u;
}

const CURSOR = /^(\d{1,16})\.([0-9a-f]{32})$/;

export function encodePlace({ at, u }: DeadPlace): string {
  return Buffer.from(`${at}.${u}`).toString('base64url');
}

/** Throws a Problem where the text is no cursor of ours. */
export function decodePlace(text: string): DeadPlace {
  const [, at, u] = CURSOR.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  if (at === undefined || u === undefined || Number(at) > Number.MAX_SAFE_INTEGER) {
    throw new Problem('validation_failed', {
      errors: [{ pointer: '/cursor', code: 'wrong_form', message: 'must be a cursor as `next` gave it' }],
    });
  }
  return { at: Number(at), u };
}
