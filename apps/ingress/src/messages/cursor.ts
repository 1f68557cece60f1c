import { Problem } from '../problems/problem.js';

/** A place in a restaurant's messages, newest first: behind this one. */
export interface Cursor {
  /** ms since 1970 */
  readonly acceptedAt: number;
  readonly u: string;
}

const FORM = /^(\d{1,15})\.([0-9a-f]{32})$/;

export function encodeCursor({ acceptedAt, u }: Cursor): string {
  return Buffer.from(`${acceptedAt}.${u}`).toString('base64url');
}

/** Throws a Problem where the text is no cursor of ours. */
export function decodeCursor(text: string): Cursor {
  const match = FORM.exec(Buffer.from(text, 'base64url').toString('latin1'));
  const acceptedAt = Number(match?.[1]);
  const u = match?.[2];
  if (u === undefined || acceptedAt > 8.64e15 || encodeCursor({ acceptedAt, u }) !== text) {
    throw new Problem('validation_failed', {
      errors: [{ pointer: '/cursor', code: 'wrong_form', message: 'must be a cursor as `next` gave it' }],
    });
  }
  return { acceptedAt, u };
}
