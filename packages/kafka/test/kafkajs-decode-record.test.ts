import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadedBehindHooks } from './loaded-behind-hooks.js';

const load = createRequire(import.meta.url);
const PLACE = 'kafkajs/src/protocol/recordBatch/record/v0/decoder.js';
interface Cursor {
  readonly buffer: Buffer;
  offset: number;
  readVarIntBytes(): Buffer;
}
const Decoder = load('kafkajs/src/protocol/decoder.js') as new (buffer: Buffer) => Cursor;
// In this order: once ours is there, the original can't be had any more.
const original = load(PLACE) as (decoder: Cursor, context?: object) => object;
const { decodeRecord } = await import('../src/kafkajs-decode-record.js');
const { encodeRecord } = await import('../src/kafkajs-encode-record.js');

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
// What a plain object has of itself confuses the original: it takes `constructor` for a header that was there before.
const name = fc.string({ unit: 'binary', maxLength: 200 }).filter((text) => !(text in {}));
const record = fc.record({
  offsetDelta: fc.nat(1_000_000),
  timestampDelta: fc.oneof(fc.nat(1_000), fc.integer(), fc.integer({ min: -1e12, max: 1e12 })),
  key: fc.oneof(bytes, fc.constant(null)),
  value: fc.oneof(bytes, fc.constant(null)),
  headers: fc.dictionary(name, fc.oneof(bytes, fc.array(bytes, { minLength: 1, maxLength: 3 }))),
});
const long = fc.oneof(fc.nat(), fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })).map(String);
const context = fc.record(
  {
    firstOffset: long,
    firstTimestamp: long,
    maxTimestamp: long,
    magicByte: fc.constant(2),
    isControlBatch: fc.boolean(),
    timestampType: fc.constantFrom(0, 1),
  },
  { requiredKeys: ['firstOffset', 'firstTimestamp', 'maxTimestamp'] },
);
/** A record without its length before it, as kafkajs hands it to the decoder. */
const inner = (whole: Buffer): Buffer => new Decoder(whole).readVarIntBytes();

describe('records in kafkajs', () => {
  it('are read as by its own decoder', () => {
    fc.assert(
      fc.property(record, context, (one, batch) => {
        const encoded = inner(encodeRecord(one).buffer);
        expect(decodeRecord(new Decoder(encoded), batch)).toEqual(original(new Decoder(encoded), batch));
      }),
    );
  });

  it('are read where a header has no value, or a name that every object has', () => {
    // attributes, time, offset, no key, no value, two headers: `a` with nothing, `constructor` with one byte
    const hex = `00 00 00 01 01 04 02 ${Buffer.from('a').toString('hex')} 01 16 ${Buffer.from('constructor').toString('hex')} 02 07`;
    const { headers } = decodeRecord(new Decoder(Buffer.from(hex.replaceAll(' ', ''), 'hex')));
    expect(Object.entries(headers)).toEqual([
      ['a', null],
      ['constructor', Buffer.from([7])],
    ]);
    const evil = `00 00 00 01 01 02 12 ${Buffer.from('__proto__').toString('hex')} 02 07`;
    const read = decodeRecord(new Decoder(Buffer.from(evil.replaceAll(' ', ''), 'hex')));
    expect(Object.entries(read.headers)).toEqual([['__proto__', Buffer.from([7])]]);
    expect(Object.getPrototypeOf(read.headers)).toBe(Object.prototype);
  });

  it('that end too early are an error, and no endless reading', () => {
    expect(() => decodeRecord(new Decoder(Buffer.from('0000', 'hex')))).toThrow(RangeError);
  });

  it('are read by ours wherever kafkajs asks for the decoder, also where telemetry has its hooks on require', () => {
    expect(original).not.toBe(decodeRecord);
    expect(load(PLACE)).toBe(decodeRecord);
    expect(loadedBehindHooks(PLACE)).toBe('decodeRecord');
  });
});
