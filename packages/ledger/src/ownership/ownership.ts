import type { Database, Statement } from '../database.js';

/** The right to admit and claim in a partition: valid until somebody takes it with a higher epoch. */
export interface Ownership {
  readonly partition: number;
  readonly epoch: number;
  readonly incarnation: string;
  /** The owner before gave it back in order. Where it did not, a record may have killed it: see noteRange. */
  readonly clean: boolean;
  /** Where to go on reading, by role of the topic. */
  readonly offsets: Readonly<Record<TopicRole, bigint>>;
}

export const TOPIC_ROLES = ['send', 'retry', 'callbacks'] as const;
export type TopicRole = (typeof TOPIC_ROLES)[number];

/**
 * Raises the epoch. Waits for admissions and claims of the old owner that are under way (they hold the row in share
 * mode) and fences all later ones.
 */
export function takeOwnership(partition: number, member: string): Statement {
  return {
    name: 'take-ownership',
    text: `
      with before as (
        select partition, clean from owner where partition = $1 for update
      )
      update owner o set epoch = o.epoch + 1, member = $2, taken_at = clock_timestamp(), clean = false
        from installation i, before b
       where o.partition = b.partition
      returning o.epoch, i.incarnation, b.clean`,
    values: [partition, member],
  };
}

/** The owner ends in order: the next one need not be careful. Nothing where it is not the owner any more. */
export function giveBack(own: Ownership): Statement {
  return {
    name: 'give-back',
    text: 'update owner set clean = true where partition = $1 and epoch = $2',
    values: [own.partition, own.epoch],
  };
}

/** The fence of claims: locks in share mode, and answers with, those of the partitions that still are owned so. */
export function lockOwned(owned: readonly Ownership[]): Statement {
  return {
    name: 'lock-owned',
    text: `
      select w.partition from owner w
        join unnest($1::smallint[], $2::bigint[]) e(partition, epoch) on e.partition = w.partition and e.epoch = w.epoch
       where exists (select from installation where incarnation = $3)
       order by w.partition for share of w`,
    values: ownedValues(owned),
  };
}

/** The same partitions behind lockOwned, in SQL: its three values are the parameters from `$first` on, see ownedValues. */
export function stillOwned(first: number): string {
  return `array(
    select w.partition from owner w
      join unnest($${first}::smallint[], $${first + 1}::bigint[]) e(partition, epoch)
        on e.partition = w.partition and e.epoch = w.epoch
     where exists (select from installation where incarnation = $${first + 2}))`;
}

/** Whether they still are owned so, without a lock. */
export function readHeld(owned: readonly Ownership[]): Statement {
  return {
    name: 'read-held',
    text: `select unnest(${stillOwned(1)}) as partition`,
    values: ownedValues(owned),
  };
}

export function ownedValues(owned: readonly Ownership[]): readonly unknown[] {
  return [owned.map((own) => own.partition), owned.map((own) => own.epoch), owned[0]?.incarnation ?? null];
}

/** Read after the epoch was raised, in a statement of its own: so it sees what the old owner admitted last. */
export function readAdmitted(partition: number): Statement {
  return {
    name: 'read-admitted',
    text: 'select topic, next_offset from admitted where partition = $1',
    values: [partition],
  };
}

/** The fence: fails with MS001 unless this ownership is the partition's current one. Held in share mode until commit. */
export function requireOwner(own: Ownership): Statement {
  return {
    name: 'require-owner',
    text: 'select require_owner($1::smallint, $2::bigint, $3::uuid)',
    values: [own.partition, own.epoch, own.incarnation],
  };
}

/** Fails with MS002 when the batch begins after what is admitted. `next` is the offset after its last record. */
export function advanceOffset(own: Ownership, topic: TopicRole, first: bigint, next: bigint): Statement {
  return {
    name: 'advance-offset',
    text: 'select advance_offset($1::smallint, $2, $3::bigint, $4::bigint)',
    values: [own.partition, topic, String(first), String(next)],
  };
}

/** Where the log begins later than the ledger would read on: retention took records away. Says which were skipped. */
export function skipToLogStart(own: Ownership, topic: TopicRole, logStart: bigint): Statement {
  return {
    name: 'skip-to-log-start',
    text: `
      update admitted set next_offset = $3::bigint
       where partition = $1 and topic = $2 and next_offset < $3::bigint`,
    values: [own.partition, topic, String(logStart)],
  };
}

/** Up to where the records of a topic are filed, by partition. */
export async function readAdmittedOffsets(
  database: Database,
  topic: TopicRole,
): Promise<ReadonlyMap<number, bigint>> {
  const rows = await database.run({
    name: 'read-admitted-offsets',
    text: 'select partition, next_offset from admitted where topic = $1',
    values: [topic],
  });
  return new Map(rows.map((row) => [row['partition'] as number, BigInt(row['next_offset'] as string)]));
}
