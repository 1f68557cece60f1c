-- Counts of template cache events by key and tenant in panes of 10 s of event time, with the offsets they include.
create table cache_pane (
  key text not null,
  tenant text not null,
  pane timestamptz not null,
  hits bigint not null default 0,
  misses bigint not null default 0,
  creations bigint not null default 0,
  primary key (key, tenant, pane)
);
create index cache_pane_time on cache_pane (pane);

create table cache_total (
  key text primary key,
  hits bigint not null default 0,
  misses bigint not null default 0,
  creations bigint not null default 0
);

create table cache_offset (
  partition smallint primary key,
  next_offset bigint not null
);
