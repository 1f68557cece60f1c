-- Why a message is dead, and whether an operator has put its dead letter away. Null where a version before this one wrote it.
alter table message add column dead_reason text;
alter table message add column discarded_at timestamptz;
-- From when on its age counts: attempts after a redrive have as long as those after the acceptance had.
alter table message add column redriven_at timestamptz;
create index message_dead on message (changed_at, u) where state = 20;

-- Records that never became messages: what an operator sees of them once the dead-letter topic has their bytes.
create table unfiled (
  u uuid primary key,
  partition smallint not null,
  topic text not null,
  kafka_offset bigint not null,
  reason text not null,
  restaurant text,
  event text,
  bytes integer not null,
  filed_at timestamptz not null default clock_timestamp(),
  discarded_at timestamptz
);
create index unfiled_age on unfiled (filed_at, u);
