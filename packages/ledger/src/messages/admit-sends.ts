import type { Row, Statement } from '../database.js';
import type { Ownership } from '../ownership/ownership.js';
import { MESSAGE } from '../states.js';

/** A send as it is filed. Times are ms since 1970. */
export interface NewMessage {
  readonly tenant: number;
  /** 32 hex digits. */
  readonly u: string;
  readonly tag: string;
  /** The conversation's number: see laneOf. */
  readonly lane: string;
  readonly conversation: string;
  readonly priority: number;
  readonly acceptedAt: number;
  readonly sendAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  /** The address that it is sent from, `whatsapp:+…`. */
  readonly sender: string;
  /** See recipientOf. */
  readonly recipient: string;
  /** Hex. */
  readonly bodyHash: string;
  readonly record: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly kafkaOffset: bigint;
}

/** A conversation's first message, as the dispatcher wants it. */
export interface Head {
  readonly tenant: number;
  readonly lane: string;
  readonly u: string;
  readonly priority: number;
  readonly seq: number;
}

/**
 * Inserts what is unknown; a known id stays as it is: see noteKnown. A message in the future waits outside of its conversation. The lane's upsert takes the lane's row lock whatever it finds: either it
 * sees the lane that a settlement left, or the settlement sees the message.
 */
export function admitSends(own: Ownership, messages: readonly NewMessage[]): Statement {
  const column = <T>(pick: (message: NewMessage) => T): T[] => messages.map(pick);
  const iso = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  return {
    name: 'admit-sends',
    text: `
      with i as (
        select * from unnest($2::int[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::smallint[],
                             $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::bytea[], $12::bytea[],
                             $13::text[], $14::bigint[], $15::text[], $16::bytea[])
          with ordinality i(tenant, u, tag, lane, conversation, priority, accepted_at, send_at, expires_at,
                            body_hash, record, headers, kafka_offset, sender, recipient, o)
      ), m as (
        insert into message (tenant, u, tag, partition, lane, conversation, priority, seq, state, due, expires_at,
                             accepted_at, body_hash, sender, recipient)
        select tenant, u, tag, $1, lane, conversation, priority, nextval('place'),
               case when send_at > clock_timestamp() then ${MESSAGE.scheduled} else ${MESSAGE.waiting} end,
               case when send_at > clock_timestamp() then send_at else '-infinity' end,
               expires_at, accepted_at, body_hash, sender, recipient
          from i order by o
        on conflict (tenant, u) do nothing
        returning tenant, u, lane, priority, seq, state
      ), b as (
        insert into body (tenant, u, record, headers)
        select i.tenant, i.u, i.record, i.headers::jsonb from i join m using (tenant, u)
        on conflict (tenant, u) do nothing
      ), e as (
        insert into outbox (partition, tenant, u, redrive, attempt, state)
        select $1, m.tenant, m.u, 0, 0, 'queued' from m order by m.seq
      ), l as (
        insert into lane (tenant, lane, partition, head, priority, seq, due)
        select * from (
          select distinct on (tenant, lane) tenant, lane, $1::smallint, u, priority, seq, '-infinity'::timestamptz
            from m where state = ${MESSAGE.waiting}
           order by tenant, lane, priority desc, seq) h
        on conflict (tenant, lane) do update
           set head = excluded.head, priority = excluded.priority, seq = excluded.seq, due = excluded.due
         where lane.state = 0 and excluded.priority > lane.priority
        returning tenant, lane, head, priority, seq
      )
      select l.tenant, l.lane, l.head, l.priority, l.seq, (select count(*) from m)::int as filed from l
      union all
      select null, null, null, null, null, (select count(*) from m)::int where not exists (select from l)`,
    values: [
      own.partition,
      column((m) => m.tenant),
      column((m) => m.u),
      column((m) => m.tag),
      column((m) => m.lane),
      column((m) => m.conversation),
      column((m) => m.priority),
      column((m) => iso(m.acceptedAt)),
      column((m) => iso(m.sendAt)),
      column((m) => iso(m.expiresAt)),
      column((m) => Buffer.from(m.bodyHash, 'hex')),
      column((m) => m.record),
      column((m) => JSON.stringify(m.headers)),
      column((m) => String(m.kafkaOffset)),
      column((m) => m.sender),
      column((m) => Buffer.from(m.recipient, 'hex')),
    ],
  };
}

/**
 * What admitSends left as it was: with another body it becomes a dead record; one that was sent without the queue is noted as queued,
 * for if that is refused it is for the queue to send. In a statement of its own: one that was filed without the queue while that one waited for it is
 * not in its snapshot.
 */
export function noteKnown(own: Ownership, messages: readonly NewMessage[]): Statement {
  const column = <T>(pick: (message: NewMessage) => T): T[] => messages.map(pick);
  return {
    name: 'note-known',
    text: `
      with i as (
        select * from unnest($2::int[], $3::uuid[], $4::bytea[], $5::bytea[], $6::text[], $7::bigint[], $8::text[], $9::text[],
                             $10::bytea[])
          as i(tenant, u, body_hash, record, headers, kafka_offset, conversation, sender, recipient)
      ), q as (
        update message x set queued = true, erased = false, conversation = i.conversation, sender = i.sender,
               recipient = i.recipient
          from i where x.tenant = i.tenant and x.u = i.u and not x.queued and x.body_hash = i.body_hash
        returning x.tenant, x.u
      ), b as (
        insert into body (tenant, u, record, headers)
        select i.tenant, i.u, i.record, i.headers::jsonb from i join q using (tenant, u)
        on conflict (tenant, u) do nothing
      )
      insert into dead_record (partition, topic, kafka_offset, reason, key, value, headers)
      select $1, 'send', i.kafka_offset, 'idempotency_conflict', null, i.record, i.headers::jsonb
        from i join message x using (tenant, u)
       where x.body_hash is not null and x.body_hash <> i.body_hash
      on conflict (topic, partition, kafka_offset) do nothing`,
    values: [
      own.partition,
      column((m) => m.tenant),
      column((m) => m.u),
      column((m) => Buffer.from(m.bodyHash, 'hex')),
      column((m) => m.record),
      column((m) => JSON.stringify(m.headers)),
      column((m) => String(m.kafkaOffset)),
      column((m) => m.conversation),
      column((m) => m.sender),
      column((m) => Buffer.from(m.recipient, 'hex')),
    ],
  };
}

export function headsOf(rows: readonly Row[]): Head[] {
  return rows.filter((row) => row['head'] !== null).map(toHead);
}

export function toHead(row: Row): Head {
  return {
    tenant: row['tenant'] as number,
    lane: row['lane'] as string,
    u: hex(row['head']),
    priority: row['priority'] as number,
    seq: Number(row['seq']),
  };
}

/** A uuid as 32 hex digits. */
export function hex(uuid: unknown): string {
  return (uuid as string).replaceAll('-', '');
}
