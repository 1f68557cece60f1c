import { z } from 'zod';
import { Problem } from '../problems/problem.js';

const MOST_LISTED = 200;

/** What every list takes. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MOST_LISTED).default(50),
  cursor: z.string().min(1).max(200).describe('`next` of the page before').optional(),
});

export function pageOf<T extends z.ZodType>(item: T, order: string) {
  return z.object({
    items: z.array(item).describe(order),
    next: z.string().nullable().describe('the cursor of the next page; null on the last'),
  });
}

/** A page out of one row more than asked for. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
  placeOf: (row: Row) => string,
): { readonly items: Item[]; readonly next: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const next = rows.length > limit && last !== undefined ? cursorOf(placeOf(last)) : null;
  return { items: page.map(item), next };
}

/** What a cursor of ours says, by its form. Throws a Problem where it is none. */
export function readCursor(cursor: string | undefined, form: RegExp): RegExpExecArray | undefined {
  if (cursor === undefined) return undefined;
  const match = form.exec(Buffer.from(cursor, 'base64url').toString('utf8'));
  if (match && cursorOf(match[0]) === cursor) return match;
  throw new Problem('validation_failed', {
    errors: [{ pointer: '/cursor', code: 'wrong_form', message: 'must be a cursor as `next` gave it' }],
  });
}

/** A place as callers carry it. */
export function cursorOf(place: string): string {
  return Buffer.from(place, 'utf8').toString('base64url');
}

/** A message's place in a list: when, by the list's own clock and unit, and its id. */
export interface MessagePlace {
  readonly at: number;
  readonly u: string;
}

const MESSAGE_PLACE = /^(\d{1,16})\.([0-9a-f]{32})$/;

export function messagePlaceText({ at, u }: MessagePlace): string {
  return `${at}.${u}`;
}

/** Undefined without a cursor. Throws a Problem where it is none of a message's place. */
export function readMessagePlace(cursor: string | undefined): MessagePlace | undefined {
  const [, at, u] = readCursor(cursor, MESSAGE_PLACE) ?? [];
  return at === undefined || u === undefined ? undefined : { at: Number(at), u };
}
