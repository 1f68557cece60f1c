import { LedgerError } from '../errors.js';
import type { Range } from '../ledger.js';
import type { DeadRecord } from '../messages/dead-records.js';
import type { Ownership, TopicRole } from '../ownership/ownership.js';
import { offsetKey, type Tables } from './tables.js';

export function isOwner(tables: Tables, own: Ownership): boolean {
  return own.incarnation === tables.incarnation && tables.owners.get(own.partition)?.epoch === own.epoch;
}

/** Throws `fenced` unless this ownership is the partition's current one. */
export function requireOwner(tables: Tables, own: Ownership): void {
  if (!isOwner(tables, own)) throw new LedgerError('fenced', `partition ${own.partition} has another owner`);
}

export function admittedOffset(tables: Tables, partition: number, topic: TopicRole): bigint {
  return tables.admitted.get(offsetKey(partition, topic)) ?? 0n;
}

/** What every admission begins with: the fence, the offset, the records that can't be filed. */
export function admission(
  tables: Tables,
  own: Ownership,
  topic: TopicRole,
  range: Range,
  dead: readonly DeadRecord[],
): void {
  requireOwner(tables, own);
  const at = admittedOffset(tables, own.partition, topic);
  if (at < range.first)
    throw new LedgerError(
      'offset_gap',
      `partition ${own.partition} of ${topic} is not admitted up to ${range.first}`,
    );
  tables.admitted.set(offsetKey(own.partition, topic), at > range.next ? at : range.next);
  tables.ranges.delete(rangeKey(own.partition, topic, range.first));
  for (const record of dead) fileDead(tables, own.partition, record);
}

export function fileDead(tables: Tables, partition: number, record: DeadRecord): void {
  const id = `${record.topic}/${partition}/${record.offset}`;
  if (tables.dead.has(id)) return;
  tables.dead.set(id, {
    n: String(tables.nextNumber()),
    partition,
    topic: record.topic,
    offset: String(record.offset),
    reason: record.reason,
    key: record.key,
    value: record.value,
    headers: record.headers,
  });
}

export function rangeKey(partition: number, topic: TopicRole, first: bigint): string {
  return `${partition}/${topic}/${first}`;
}
