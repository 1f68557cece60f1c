import { decodeEvent, partitionFor, topicNames } from '@mersal/contracts';
import type { OutboxEntry } from '@mersal/ledger';
import { describe, expect, it } from 'vitest';
import { outboxRecords } from '../src/outbox/outbox-records.js';

const to = { topics: topicNames('whatsapp-send'), partitions: 12, source: 'sender/test' };
const entry = (more: Partial<OutboxEntry>): OutboxEntry => ({
  n: '1',
  partition: 3,
  restaurantId: 'bayt-al-shawarma',
  u: 'ab'.repeat(16),
  tag: '1aabbccddeeff',
  conversation: 'c1',
  redrive: 0,
  attempt: 2,
  state: 'sent',
  at: 1_800_000_000_000,
  detail: {},
  headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
  record: null,
  ...more,
});
const id = `${'ab'.repeat(16)}-1aabbccddeeff`;

describe('an outbox entry', () => {
  it('of a sent message tells of the attempt, too; every record decodes and stays on its partition', () => {
    const records = outboxRecords(
      entry({ detail: { startedAt: 1_799_999_999_000, sid: 'SM1', accountSid: 'AC1' } }),
      to,
    );
    expect(records.map((r) => r.topic)).toEqual([to.topics.outcomes, to.topics.outcomes]);
    const events = records.map((r) => decodeEvent(r.headers, r.value));
    expect(events.map((e) => e.headers.id)).toEqual([`${id}/0/2/attempted`, `${id}/0/2/sent`]);
    expect(events[1]?.data).toMatchObject({ state: 'sent', sid: 'SM1', messageId: id });
    expect(new Set(records.map((r) => r.partition))).toEqual(new Set([partitionFor('bayt-al-shawarma', 12)]));
    expect(events[0]?.headers.traceparent).toContain('a'.repeat(32));
  });
  it('of a retry comes with the record that brings it back', () => {
    const records = outboxRecords(
      entry({
        state: 'retrying',
        detail: { notBefore: 5, error: { class: 'transient', code: 63012, message: 'm' } },
      }),
      to,
    );
    const back = records.find((r) => r.topic === to.topics.retry);
    expect(decodeEvent(back?.headers ?? {}, back?.value ?? null).data).toMatchObject({
      attempt: 2,
      notBefore: 5,
      lastError: { class: 'transient', code: 63012 },
    });
    expect(back?.headers['not-before']).toBe('5');
  });
  it('of a dead message carries its bytes and headers as they were, and why', () => {
    const bytes = Buffer.from('{"original":"bytes"}');
    const records = outboxRecords(
      entry({
        state: 'dead',
        record: bytes,
        headers: { ce_id: 'orig' },
        detail: { reason: 'opted_out', error: { class: 'opted_out', code: 21610 } },
      }),
      to,
    );
    const dead = records.find((r) => r.topic === to.topics.dead);
    expect(dead?.value).toBe(bytes);
    expect(dead?.headers).toMatchObject({
      ce_id: 'orig',
      'dead-reason': 'opted_out',
      'dead-code': '21610',
      'dead-message-id': id,
    });
  });
});
