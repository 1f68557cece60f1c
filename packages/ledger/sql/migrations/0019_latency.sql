-- latency: of the last minute, by each process that calls the provider: told anew every 2 s, and of the past where `seen_at` is older.
-- Counts by the buckets of the histograms, the last of them what is beyond. waits: from acceptance to the first request; calls: of the provider.
create table latency (
  member text primary key,
  waits integer[] not null,
  calls integer[] not null,
  seen_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
