import {
  decodeEvent,
  decodeHeaders,
  encodeEvent,
  encodeHeaders,
  type EventHeaders,
  rereadEvent,
  UndecodableRecord,
} from '@mersal/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const eventHeaders: fc.Arbitrary<EventHeaders> = fc
  .record(
    {
      id: text,
      type: text,
      source: text,
      time: fc.integer({ min: 0, max: 4_102_444_800_000 }),
      subject: text,
      traceparent: text,
      tracestate: text,
    },
    { requiredKeys: ['id', 'type', 'source', 'time'] },
  )
  .map((headers) => headers as EventHeaders);
const redrive = {
  restaurantId: 'r1',
  messageId: `${'0'.repeat(32)}-1${'a'.repeat(12)}`,
  redrive: 1,
  requestedBy: 'n',
};
const headersOf = (type: string) => encodeHeaders({ id: 'e1', type, source: 'test', time: 1_000 });
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof UndecodableRecord) return error.code;
    throw error;
  }
  return 'decoded';
};

describe('CloudEvents headers', () => {
  it('is read again as it was read first', () => {
    const value = encodeEvent('mersal.send.redrive.v1', redrive as never);
    expect(rereadEvent('mersal.send.redrive.v1', value)).toEqual(redrive);
  });
  it('come back as they were, from texts and from bytes', () => {
    fc.assert(
      fc.property(eventHeaders, (headers) => {
        const encoded = encodeHeaders(headers);
        expect(decodeHeaders(encoded)).toEqual(headers);
        const bytes = Object.fromEntries(
          Object.entries(encoded).map(([name, value]) => [name, Buffer.from(value)]),
        );
        expect(decodeHeaders(bytes)).toEqual(headers);
      }),
    );
  });
  it.each(['ce_id', 'ce_type', 'ce_source', 'ce_time'])('are none without %s', (name) => {
    expect(decodeHeaders({ ...headersOf('t'), [name]: undefined })).toBe(undefined);
  });
  it('are none with a time that is no time', () => {
    expect(decodeHeaders({ ...headersOf('t'), ce_time: 'yesterday' })).toBe(undefined);
  });
  it('say what the specification wants', () => {
    expect(headersOf('mersal.send.redrive.v1')).toEqual({
      ce_specversion: '1.0',
      ce_id: 'e1',
      ce_type: 'mersal.send.redrive.v1',
      ce_source: 'test',
      ce_time: '1970-01-01T00:00:01.000Z',
      'content-type': 'application/json',
    });
  });
});

describe('a record that can not be read', () => {
  const type = 'mersal.send.redrive.v1';
  const value = encodeEvent(type, redrive);
  it('is told by its fault', () => {
    expect(codeOf(() => decodeEvent(headersOf(type), value))).toBe('decoded');
    expect(codeOf(() => decodeEvent({}, value))).toBe('no_event_headers');
    expect(codeOf(() => decodeEvent(headersOf('mersal.send.redrive.v99'), value))).toBe('unknown_type');
    expect(codeOf(() => decodeEvent(headersOf('toString'), value))).toBe('unknown_type');
    expect(codeOf(() => decodeEvent(headersOf(type), null))).toBe('not_json');
    expect(codeOf(() => decodeEvent(headersOf(type), value.subarray(0, -1)))).toBe('not_json');
    expect(codeOf(() => decodeEvent(headersOf(type), Buffer.from('{}')))).toBe('schema_mismatch');
  });
  it('is never anything but undecodable, whatever its bytes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(type, 'mersal.send.requested.v1', 'mersal.template.alert.v1', 'none', '__proto__'),
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.jsonValue().map((json) => Buffer.from(JSON.stringify(json))),
          fc.constant(null),
        ),
        (anyType, bytes) => {
          codeOf(() => decodeEvent(headersOf(anyType), bytes));
        },
      ),
    );
  });
  it('does not show what it holds', () => {
    const bad = Buffer.from(JSON.stringify({ ...redrive, restaurantId: '+966500000123 طلبك جاهز' }));
    expect(() => decodeEvent(headersOf(type), bad)).toThrow(/at \/restaurantId$/);
    expect(() => decodeEvent(headersOf(type), bad)).not.toThrow(/966500000123|طلبك/);
  });
});
