-- Late events count in the totals only: the panes that they belong to were judged before they came.
alter table cache_pane add column late bigint not null default 0;
alter table cache_total add column late bigint not null default 0;
-- The time of a key's first event. Of keys that are there already it is not known, but they are not new.
alter table cache_total add column first_at timestamptz;
update cache_total set first_at = 'epoch';
-- Every record that Kafka appended up to then is counted.
alter table cache_offset add column read_to timestamptz;

-- Why templates were missed, with a sketch of the distinct hashes among them (the smallest values of each).
create table cache_miss (
  key text not null,
  tenant text not null,
  pane timestamptz not null,
  reason text not null,
  misses bigint not null,
  hashes bigint[] not null,
  primary key (key, tenant, pane, reason)
);
create index cache_miss_time on cache_miss (pane);

-- Panes of a minute: what older panes of 10 s are merged into.
create table cache_minute (
  key text not null,
  tenant text not null,
  minute timestamptz not null,
  hits bigint not null,
  misses bigint not null,
  creations bigint not null,
  late bigint not null,
  primary key (key, tenant, minute)
);
create index cache_minute_time on cache_minute (minute);

-- How far the windows were judged; its row is the right to judge.
create table cache_watch (
  only_row boolean primary key default true check (only_row),
  judged_to timestamptz
);
insert into cache_watch default values;

-- One row a spike. `told_…` is what its last event said.
create table cache_alert (
  scope text not null check (scope in ('global', 'key')),
  key text not null,
  opened_at timestamptz not null,
  closed_at timestamptz,
  judged_at timestamptz not null,
  miss_rate double precision not null,
  requests bigint not null,
  cause text not null,
  distinct_hashes bigint,
  message text not null,
  told_rate double precision not null,
  primary key (scope, key, opened_at)
);
create unique index cache_alert_open on cache_alert (scope, key) where closed_at is null;
create index cache_alert_closed on cache_alert (closed_at desc) where closed_at is not null;

-- Events of alerts that wait to be told.
create table cache_alert_event (
  id bigint generated always as identity primary key,
  event jsonb not null,
  made_at timestamptz not null default now(),
  published_at timestamptz,
  webhook_due timestamptz,
  webhook_tries integer not null default 0
);
create index cache_alert_event_unpublished on cache_alert_event (id) where published_at is null;
create index cache_alert_event_webhook on cache_alert_event (webhook_due) where webhook_due is not null;
