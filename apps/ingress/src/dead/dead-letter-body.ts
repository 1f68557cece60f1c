import type { DeadPlace } from '@mersal/ledger';
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
