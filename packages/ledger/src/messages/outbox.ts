import type { Row, Statement } from '../database.js';
import { hex } from './admit-sends.js';

/** An event on its way to Kafka. */
export interface OutboxEntry {
  readonly n: string;
  readonly partition: number;
  readonly restaurantId: string;
  readonly u: string;
  readonly tag: string;
  readonly conversation: string;
  readonly redrive: number;
  readonly attempt: number;
  readonly state: string;
  readonly at: number;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  /** The original bytes, for dead letters only. */
  readonly record: Buffer | null;
}

const select = (rows: string): string => `
  select o.n, o.partition, t.restaurant_id, o.u, m.tag, m.conversation, o.redrive, o.attempt, o.state,
         extract(epoch from o.at) * 1000 as at, o.detail, b.headers,
         case when o.state = 'dead' then b.record end as record
    from (${rows} offset 0) o
    cross join lateral (select restaurant_id from tenant where id = o.tenant offset 0) t
    cross join lateral (select tag, conversation from message where tenant = o.tenant and u = o.u offset 0) m
    left join lateral (select headers, record from body where tenant = o.tenant and u = o.u offset 0) b on true
   order by o.n`;

/**
 * What is unpublished, whichever transaction wrote it: numbers are given before commits, so a high-water mark would
 * pass over the row of a slower transaction for good.
 */
export function readOutbox(partitions: readonly number[], most: number): Statement {
  return {
    name: 'read-outbox',
    text: select('select * from outbox where partition = any($1::smallint[]) order by n limit $2'),
    values: [partitions, most],
  };
}

/** Rows that are older than `olderThanMs`, of any partition: nobody who owns it publishes them. */
export function readOrphanedOutbox(olderThanMs: number, most: number): Statement {
  return {
    name: 'read-orphaned-outbox',
    text: select(
      `select * from outbox where at < clock_timestamp() - $1 * interval '1 ms' order by n limit $2`,
    ),
    values: [olderThanMs, most],
  };
}

/** What happened to a message, as both tables tell it that hold steps: before they are published, and after. */
export function stepOf(row: Row) {
  return {
    u: hex(row['u']),
    tag: row['tag'] as string,
    conversation: row['conversation'] as string,
    redrive: row['redrive'] as number,
    attempt: row['attempt'] as number,
    state: row['state'] as string,
    at: Math.round(Number(row['at'])),
    detail: (row['detail'] as Record<string, unknown> | null) ?? {},
  };
}

export function toOutboxEntry(row: Row): OutboxEntry {
  return {
    n: row['n'] as string,
    partition: row['partition'] as number,
    restaurantId: row['restaurant_id'] as string,
    ...stepOf(row),
    headers: (row['headers'] as Record<string, string> | null) ?? {},
    record: row['record'] as Buffer | null,
  };
}

/** A record on its way to the dead-letter topic. */
export interface DeadEntry {
  readonly n: string;
  readonly partition: number;
  readonly topic: string;
  readonly offset: string;
  readonly reason: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

export function readDeadRecords(partitions: readonly number[], most: number): Statement {
  return {
    name: 'read-dead-records',
    text: `
      select n, partition, topic, kafka_offset, reason, key, value, headers
        from dead_record where partition = any($1::smallint[]) order by n limit $2`,
    values: [partitions, most],
  };
}

export function toDeadEntry(row: Row): DeadEntry {
  return {
    n: row['n'] as string,
    partition: row['partition'] as number,
    topic: row['topic'] as string,
    offset: row['kafka_offset'] as string,
    reason: row['reason'] as string,
    key: row['key'] as Buffer | null,
    value: row['value'] as Buffer | null,
    headers: row['headers'] as Record<string, string>,
  };
}
