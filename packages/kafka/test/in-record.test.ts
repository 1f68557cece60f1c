import type { IHeaders, KafkaMessage } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { inRecord } from '../src/in-record.js';

function read(headers: Record<string, unknown>): Readonly<Record<string, Buffer>> {
  const message: Partial<KafkaMessage> = { offset: '7', key: null, value: null, timestamp: '1' };
  return inRecord({ ...message, headers: headers as IHeaders } as KafkaMessage).headers;
}
const [a, b] = [Buffer.from('a'), Buffer.from('b')];

describe('headers of a record', () => {
  it('are handed on as they are where each is there once', () => {
    const headers = { one: a, two: b };
    expect(read(headers)).toBe(headers);
  });

  it('count as their last where a name is there more than once', () => {
    expect(read({ one: [a, b], two: b })).toEqual({ one: b, two: b });
  });

  // Other producers write such: reading one must not stop its partition.
  it.each([[{ none: null }], [{ none: [a, null] }], [{ none: undefined }]])(
    'are left out without a value: %j',
    (none) => {
      expect(read({ one: a, ...none })).toEqual({ one: a });
    },
  );
});
