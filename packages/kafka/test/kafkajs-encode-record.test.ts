import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadedBehindHooks } from './loaded-behind-hooks.js';

const load = createRequire(import.meta.url);
const PLACE = 'kafkajs/src/protocol/recordBatch/record/v0/index.js';
// In this order: once ours is there, the original can't be had any more.
const original = load(PLACE) as typeof encodeRecord;
const { encodeRecord } = await import('../src/kafkajs-encode-record.js');

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'binary', maxLength: 300 });
const record = fc.record({
  offsetDelta: fc.nat(1_000_000),
  timestampDelta: fc.oneof(fc.nat(1_000), fc.integer(), fc.integer({ min: -1e12, max: 1e12 })),
  key: fc.oneof(bytes, text, fc.constant(null)),
  value: fc.oneof(bytes, fc.constant(null)),
  headers: fc.dictionary(text, fc.oneof(bytes, text, fc.array(fc.oneof(bytes, text), { maxLength: 3 }))),
});

describe('records in kafkajs', () => {
  it('are the same bytes as by its own encoder', () => {
    fc.assert(
      fc.property(record, (one) => {
        expect(encodeRecord(one).buffer.equals(original(one).buffer)).toBe(true);
      }),
    );
  });

  it('are encoded by ours wherever kafkajs asks for the encoder', () => {
    expect(original).not.toBe(encodeRecord);
    expect(load(PLACE)).toBe(encodeRecord);
  });

  it('also where telemetry has its hooks on require', () => {
    expect(loadedBehindHooks(PLACE)).toBe('encodeRecord');
  });
});
