import type { Statement } from '../database.js';
import type { Ownership, TopicRole } from '../ownership/ownership.js';

/** A record that can't be filed, as it was read. */
export interface DeadRecord {
  readonly topic: TopicRole;
  readonly offset: bigint;
  readonly reason: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

export function fileDeadRecords(own: Ownership, records: readonly DeadRecord[]): Statement {
  return {
    name: 'file-dead-records',
    text: `
      insert into dead_record (partition, topic, kafka_offset, reason, key, value, headers)
      select $1, topic, kafka_offset, reason, key, value, headers::jsonb
        from unnest($2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[], $7::text[])
             as i(topic, kafka_offset, reason, key, value, headers)
      on conflict (topic, partition, kafka_offset) do nothing`,
    values: [
      own.partition,
      records.map((r) => r.topic),
      records.map((r) => String(r.offset)),
      records.map((r) => r.reason),
      records.map((r) => r.key),
      records.map((r) => r.value),
      records.map((r) => JSON.stringify(r.headers)),
    ],
  };
}
