import { namedSpanId, sameTrace } from '@mersal/telemetry';
import { expect, it } from 'vitest';
import { attemptSpanId, linksOf, redriveSpanId } from '../src/attempt/links.js';

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const operation = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
const first = { tenant: 7, u: 'ab'.repeat(16), attempt: 1, redrive: 0, headers: { traceparent } };
const linked = (claim: typeof first): (string | undefined)[] =>
  linksOf(claim).filter((link) => link !== undefined);

it('a first attempt goes back to nothing but its trace', () => {
  expect(linked(first)).toEqual([]);
});

it('an attempt is linked to the one before it, in the message’s trace', () => {
  const link = sameTrace(traceparent, attemptSpanId(first, 2));
  expect(link).toContain('a'.repeat(32));
  expect(linked({ ...first, attempt: 3 })).toEqual([link]);
});

it('what was put back is linked to that, and to the attempt before', () => {
  expect(linked({ ...first, attempt: 4, redrive: 2 })).toEqual([
    sameTrace(traceparent, attemptSpanId(first, 3)),
    sameTrace(traceparent, redriveSpanId(first, 2)),
  ]);
});

it('what was published again is linked to what did that', () => {
  const headers = { traceparent, 'operation-traceparent': operation };
  expect(linked({ ...first, headers })).toEqual([operation]);
});

it('without a trace of the message there is nothing to link to', () => {
  expect(linked({ ...first, attempt: 2, redrive: 1, headers: { traceparent: 'nonsense' } })).toEqual([]);
});

it('the same id of two restaurants names two spans, an attempt no redrive', () => {
  const ids = [attemptSpanId(first, 1), attemptSpanId({ ...first, tenant: 8 }, 1), redriveSpanId(first, 1)];
  expect(new Set(ids).size).toBe(3);
  expect(ids[0]).toBe(namedSpanId('attempt', 7, first.u, 1));
});
