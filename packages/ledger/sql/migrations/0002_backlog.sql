-- owner: who may admit and claim in a partition. Locked in share mode by every admission and claim, raised by a
-- new owner; narrow pages, because share locks of many transactions meet on it.
create table owner (
  partition smallint primary key,
  epoch bigint not null,
  member text not null,
  taken_at timestamptz not null default now()
) with (fillfactor = 10);

-- admitted: the next offset to read, a row for each partition and topic (send, retry, callbacks).
create table admitted (
  partition smallint not null,
  topic text not null,
  next_offset bigint not null,
  primary key (partition, topic)
) with (fillfactor = 50);

-- slot: a restaurant's right to one request under way. A row that the claim locks and takes; its lease only tells
-- when the holder is overdue, a slot is free when it is null.
create table slot (
  tenant integer not null,
  n smallint not null,
  partition smallint not null,
  u uuid,
  attempt smallint,
  lease timestamptz,
  primary key (tenant, n)
) with (fillfactor = 40);

create sequence place;

-- message.state: 0 waiting (sending where it is the head of a sending lane)   2 retrying   3 scheduled   4 held
--                5 unknown   10 sent   11 failed   12 delivered   13 read   20 dead   21 cancelled   22 expired   23 refused
create table message (
  tenant integer not null,
  u uuid not null,
  tag text not null,
  partition smallint not null,
  lane bigint not null,
  conversation text not null,
  priority smallint not null,
  seq bigint not null,
  state smallint not null,
  due timestamptz not null,
  expires_at timestamptz,
  redrive smallint not null default 0,
  attempt smallint not null default 0,
  retries smallint not null default 0,
  accepted_at timestamptz not null,
  changed_at timestamptz not null default now(),
  account_sid text,
  sid text,
  error_class text,
  error_code integer,
  body_hash bytea,
  primary key (tenant, u)
) with (fillfactor = 70);
create index message_lane on message (tenant, lane, priority desc, seq) where state = 0;
create index message_scheduled on message (partition, due) where state = 3;
create index message_retrying on message (partition, due) where state = 2;
create index message_expiring on message (partition, expires_at) where state in (0, 2, 3, 4) and expires_at is not null;
create index message_waiting_elsewhere on message (partition, changed_at) where state in (4, 5);
create index message_list on message (tenant, accepted_at desc, u desc);

-- Bodies live apart, so that the rows that change often stay small.
create table body (
  tenant integer not null,
  u uuid not null,
  record bytea not null,
  headers jsonb not null,
  primary key (tenant, u)
);

-- lane: a conversation that has something to send. head is the message whose turn it is.
--   state 0 open   1 sending   2 unknown   3 retrying (until its record comes back)   4 held
-- No index has state or lease in it: a claim and its settlement stay heap-only updates.
create table lane (
  tenant integer not null,
  lane bigint not null,
  partition smallint not null,
  head uuid not null,
  priority smallint not null,
  seq bigint not null,
  due timestamptz not null,
  state smallint not null default 0,
  attempt smallint,
  epoch bigint,
  lease timestamptz,
  started_at timestamptz,
  account_sid text,
  primary key (tenant, lane)
) with (fillfactor = 60);
create index lane_ready on lane (partition, tenant, priority desc, seq) where due = '-infinity';
create index lane_oldest on lane (partition, tenant, seq) where due = '-infinity';
create index lane_due on lane (partition, due) where due > '-infinity';

create table attempt (
  tenant integer not null,
  u uuid not null,
  attempt smallint not null,
  redrive smallint not null,
  account_sid text,
  started_at timestamptz not null,
  finished_at timestamptz,
  outcome text not null,
  http_status smallint,
  code integer,
  sid text,
  primary key (tenant, u, attempt)
);

-- Status callbacks as they came, also those that changed nothing or whose message is not known (yet).
create table callback (
  tenant integer not null,
  u uuid not null,
  sid text not null,
  status text not null,
  attempt smallint not null,
  account_sid text not null,
  code integer,
  received_at timestamptz not null,
  result text not null,
  primary key (tenant, u, sid, status)
);

-- outbox: what happened and is not published yet. Rows are deleted once Kafka has them.
create table outbox (
  n bigint generated always as identity primary key,
  partition smallint not null,
  tenant integer not null,
  u uuid not null,
  redrive smallint not null,
  attempt smallint not null,
  state text not null,
  at timestamptz not null default clock_timestamp(),
  detail jsonb
);
create index outbox_partition on outbox (partition, n);

-- Records that can't be filed, as they were, on their way to the dead-letter topic.
create table dead_record (
  n bigint generated always as identity primary key,
  partition smallint not null,
  topic text not null,
  kafka_offset bigint not null,
  reason text not null,
  key bytea,
  value bytea,
  headers jsonb not null,
  unique (topic, partition, kafka_offset)
);

create function require_owner(_partition smallint, _epoch bigint, _incarnation uuid) returns void
language plpgsql as $$
begin
  perform 1 from owner where partition = _partition and epoch = _epoch for share;
  if not found or not exists (select from installation where incarnation = _incarnation) then
    raise exception 'partition % has another owner', _partition using errcode = 'MS001';
  end if;
end $$;

-- Moves a partition's offset on. Refuses a batch that begins behind a gap: the reader was not where it thought.
create function advance_offset(_partition smallint, _topic text, _first bigint, _next bigint) returns void
language plpgsql as $$
begin
  update admitted set next_offset = greatest(next_offset, _next)
   where partition = _partition and topic = _topic and next_offset >= _first;
  if not found then
    raise exception 'partition % of % is not admitted up to %', _partition, _topic, _first using errcode = 'MS002';
  end if;
end $$;
