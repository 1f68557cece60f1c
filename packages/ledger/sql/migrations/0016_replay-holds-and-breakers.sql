-- A replay is one process's at a time: it is held by whoever runs it, who says so again and again, until it ends or is let go.
alter table replay add column held_by uuid, add column held_until timestamptz;

-- breaker: those that are not closed, as each sender sees them: told anew every 2 s, and of the past where `seen_at` is older.
-- account_sid: '' stands for the provider as a whole.
create table breaker (
  member text not null,
  account_sid text not null,
  state text not null check (state in ('open', 'half_open')),
  since timestamptz not null,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (member, account_sid)
);
create index breaker_seen on breaker (seen_at);
