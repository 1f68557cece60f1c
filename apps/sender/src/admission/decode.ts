import { type DecodedEvent, decodeEvent, partitionFor, UndecodableRecord } from '@mersal/contracts';
import type { InRecord } from '@mersal/kafka';
import type { DeadRecord, TopicRole } from '@mersal/ledger';

export interface Decoded {
  readonly record: InRecord;
  readonly event: DecodedEvent;
}

/** Reads records; those that can't be read, or stand in a partition that is not their restaurant's, are dead. */
export function decodeRecords(
  role: TopicRole,
  records: readonly InRecord[],
  place: { readonly partition: number; readonly partitions: number },
): { readonly decoded: Decoded[]; readonly dead: DeadRecord[] } {
  const decoded: Decoded[] = [];
  const dead: DeadRecord[] = [];
  for (const record of records) {
    try {
      const event = decodeEvent(record.headers, record.value);
      if (!expected[role].has(event.type)) {
        throw new UndecodableRecord('unknown_type', `${event.type} does not belong here`);
      }
      const restaurantId = (event.data as { restaurantId: string }).restaurantId;
      // One writer a partition: a record that stands elsewhere would be admitted by somebody who is not its owner.
      if (partitionFor(restaurantId, place.partitions) !== place.partition) {
        throw new UndecodableRecord(
          'schema_mismatch',
          'the record stands in another partition than its restaurant',
        );
      }
      decoded.push({ record, event });
    } catch (error) {
      if (!(error instanceof UndecodableRecord)) throw error;
      dead.push(toDead(role, record, 'undecodable'));
    }
  }
  return { decoded, dead };
}

const expected: Readonly<Record<TopicRole, ReadonlySet<string>>> = {
  send: new Set(['mersal.send.requested.v1']),
  retry: new Set(['mersal.send.retry.v1', 'mersal.send.redrive.v1']),
  callbacks: new Set(['mersal.callback.received.v1']),
};

export function toDead(role: TopicRole, record: InRecord, reason: string): DeadRecord {
  return {
    topic: role,
    offset: record.offset,
    reason,
    key: record.key,
    value: record.value,
    headers: headersAsText(record),
  };
}

/** Header values as text; those that are not UTF-8 as base64 behind a marker, so that nothing of them is lost. */
export function headersAsText(record: InRecord): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.headers)) {
    const text = value.toString('utf8');
    headers[name] =
      Buffer.from(text, 'utf8').equals(value) && !text.includes('\0')
        ? text
        : `base64:${value.toString('base64')}`;
  }
  return headers;
}
