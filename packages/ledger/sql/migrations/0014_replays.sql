-- replay: readings of the log that publish again what the ledger lacks, with how far they came: one that was interrupted goes
-- on from there. ranges: {"<partition>": ["<from>", "<to>"]}; what is before `from` is carried out.
create table replay (
  id uuid primary key default gen_random_uuid(),
  actor text not null,
  asked jsonb not null,
  ranges jsonb not null,
  restaurant text,
  tally jsonb not null default '{"matched": 0, "sent": 0, "skipped": 0, "reasons": {}}',
  begun_at timestamptz not null default clock_timestamp(),
  saved_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
);
create index replay_begun on replay (begun_at);
