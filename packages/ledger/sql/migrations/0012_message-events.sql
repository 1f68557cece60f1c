-- What happened, once it is published: what event streams are read from. An outbox row becomes one of these when it goes. n
-- rises in the order of commits within a restaurant (see publishedEvents), and each step is there once, however often it was
-- published.
create table message_event (
  tenant integer not null,
  u uuid not null,
  redrive smallint not null,
  attempt smallint not null,
  state text not null,
  n bigint generated always as identity,
  outbox bigint not null,
  at timestamptz not null,
  detail jsonb,
  primary key (tenant, u, redrive, attempt, state)
);
create index message_event_feed on message_event (tenant, n);

-- Lists by what is rare: an error, or a state that few messages are in for long. States that most are in have no index of their
-- own, as every step of every message would have to follow; see list-messages.
create index message_error on message (tenant, error_code, accepted_at desc, u desc) where error_code is not null;
create index message_state on message (tenant, state, accepted_at desc, u desc) where state not in (0, 10, 12, 13);
-- By an expression, so that no statement that looks a lane up takes this index for its own.
create index message_conversation on message (tenant, (lane + 0), accepted_at desc, u desc);
