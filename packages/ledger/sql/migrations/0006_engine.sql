-- Who a message goes to and comes from, as far as the engine decides by it: opt-outs by recipient (the first 16 bytes of
-- the SHA-256 of the address), pauses and rates by sender.
alter table message add column sender text not null default '';
alter table message add column recipient bytea not null default '\x';
alter table message add column erased boolean not null default false;
-- Whether the attempt used one of the message's retries up: probes of a breaker and failed connections do not.
alter table attempt add column counted boolean not null default true;
-- Rows are added in about the order of their age: the retention finds old ones by a block range index of a few pages.
create index message_age on message using brin (accepted_at) with (pages_per_range = 32, autosummarize = on);

-- Counts a restaurant's credentials: an answer to a request with former ones says nothing of what it has now.
alter table tenant add column credentials integer not null default 1;

-- Whether the last owner gave the partition back in order. Where it did not, the next one reads with care: range_note.
alter table owner add column clean boolean not null default true;

-- Ranges of records whose reading was begun and not ended; only written in partitions taken over from an owner that died.
create table range_note (
  partition smallint not null,
  topic text not null,
  first_offset bigint not null,
  single boolean not null,
  tries smallint not null default 1,
  noted_at timestamptz not null default clock_timestamp(),
  primary key (partition, topic, first_offset, single)
);

-- Recipients that do not want to hear from a restaurant any more, until lifted.
create table suppression (
  tenant integer not null references tenant (id),
  recipient bytea not null,
  address text not null,
  reason text not null,
  u uuid,
  created_at timestamptz not null default clock_timestamp(),
  lifted_at timestamptz,
  lifted_by text,
  primary key (tenant, recipient)
);

-- Pauses of everything, of a restaurant, or of one of its numbers: an operator's, or asked for by the provider. A provider's
-- escalates: times counts those that followed closely on one another.
create table pause (
  n bigint generated always as identity primary key,
  scope text not null check (scope in ('all', 'tenant', 'sender')),
  tenant integer references tenant (id),
  sender text,
  begun_at timestamptz not null default clock_timestamp(),
  until timestamptz not null,
  times smallint not null default 0,
  reason text not null,
  by text not null,
  check ((scope = 'all') = (tenant is null)),
  check ((scope = 'sender') = (sender is not null)),
  unique nulls not distinct (scope, tenant, sender)
);
