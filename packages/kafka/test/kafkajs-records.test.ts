import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord, originalEncodeRecord } from '../src/kafkajs-records.js';

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'binary', maxLength: 300 });
const record = fc.record({
  offsetDelta: fc.nat(1_000_000),
  timestampDelta: fc.oneof(fc.nat(1_000), fc.nat(0x7fffffff)),
  key: fc.oneof(bytes, text, fc.constant(null)),
  value: fc.oneof(bytes, fc.constant(null)),
  headers: fc.dictionary(text, fc.oneof(bytes, text, fc.array(fc.oneof(bytes, text), { maxLength: 3 }))),
});

describe('records in kafkajs', () => {
  it('are the same bytes as by its own encoder', () => {
    fc.assert(
      fc.property(record, (one) => {
        expect(encodeRecord(one).buffer.equals(originalEncodeRecord(one).buffer)).toBe(true);
      }),
    );
  });

  it('are encoded by ours wherever kafkajs asks for the encoder', () => {
    const load = createRequire(import.meta.url);
    expect(load('kafkajs/src/protocol/recordBatch/record/v0/index.js')).toBe(encodeRecord);
    // Else the test above compared ours with ours.
    expect(originalEncodeRecord.toString()).toContain('writeVarIntArray');
  });
});
