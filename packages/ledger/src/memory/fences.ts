import { LedgerError } from '../errors.js';
import type { Range } from '../ledger.js';
import type { DeadRecord } from '../messages/dead-records.js';
import type { Ownership, TopicRole } from '../ownership/ownership.js';
import { offsetKey, type Tables } from './tables.js';

export function isOwner(tables: Tables, own: Ownership): boolean {
  return own.incarnation === tables.incarnation && tables.owners.get(own.partition)?.epoch === own.epoch;
}

/** The partitions that still are owned so. */
export function heldOf(tables: Tables, owned: readonly Ownership[]): number[] {
  return owned.filter((own) => isOwner(tables, own)).map((own) => own.partition);
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
  if (!own.clean) forgetNotes(tables, own.partition, topic, range.next);
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

/** How many processes began to read a range, or a single record. */
export function noteRange(
  tables: Tables,
  own: Ownership,
  topic: TopicRole,
  first: bigint,
  single: boolean,
  reader: string,
): number {
  requireOwner(tables, own);
  const id = `${own.partition}/${topic}/${first}/${single}`;
  const readers = tables.ranges.get(id)?.readers ?? new Set<string>();
  readers.add(reader);
  tables.ranges.set(id, { partition: own.partition, topic, first, readers });
  return readers.size;
}

function forgetNotes(tables: Tables, partition: number, topic: TopicRole, next: bigint): void {
  for (const [id, note] of tables.ranges)
    if (note.partition === partition && note.topic === topic && note.first < next) tables.ranges.delete(id);
}
