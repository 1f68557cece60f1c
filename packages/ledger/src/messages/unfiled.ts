import type { Statement } from '../database.js';
import type { TopicRole } from '../ownership/ownership.js';

/** Where a record stood that could not be filed. Its bytes are in the dead-letter topic. */
export interface UnfiledRecord {
  readonly partition: number;
  readonly topic: TopicRole;
  readonly offset: string;
  /** Its event's type, where it says one. */
  readonly event: string | null;
  /** Of its value. */
  readonly bytes: number;
}

/** Longest text that is kept of what a broken record says of itself. */
export const MOST_TEXT = 80;

/**
 * Records that the dead-letter topic has are forgotten but for what they were and where they stood. The id is made from the
 * place: a record is there once, however often it is read.
 */
export function forgetDeadRecords(numbers: readonly string[]): Statement {
  return {
    name: 'forget-dead-records',
    text: `
      with gone as (
        delete from dead_record where n = any($1::bigint[]) returning *
      )
      insert into unfiled (u, partition, topic, kafka_offset, reason, restaurant, event, bytes)
      select md5(topic || '/' || partition || '/' || kafka_offset)::uuid, partition, topic, kafka_offset, reason,
             left(coalesce(nullif(encode(key, 'escape'), ''), headers->>'ce_subject'), ${MOST_TEXT}),
             left(headers->>'ce_type', ${MOST_TEXT}), coalesce(length(value), 0)
        from gone
      on conflict (u) do nothing`,
    values: [numbers],
  };
}

export function discardUnfiled(us: readonly string[]): Statement {
  return {
    name: 'discard-unfiled',
    text: `
      with d as (
        update unfiled set discarded_at = clock_timestamp() where u = any($1::uuid[]) and discarded_at is null returning 1)
      select count(*)::int as n from d`,
    values: [us],
  };
}
