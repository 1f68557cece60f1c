-- One installation: the fence's first half. A restore from a backup makes a new incarnation, so that epochs that
-- were rolled back do not become valid again. The partition count lives here and nowhere else.
create table installation (
  one boolean primary key default true check (one),
  incarnation uuid not null default gen_random_uuid(),
  queue text,
  partitions integer check (partitions > 0),
  created_at timestamptz not null default now()
);
insert into installation default values;

create table tenant (
  id integer generated always as identity primary key,
  restaurant_id text not null unique,
  name text not null,
  partition smallint not null,
  account_sid text not null,
  from_numbers text[] not null check (cardinality(from_numbers) > 0),
  status text not null default 'active' check (status in ('active', 'paused', 'suspended')),
  status_reason text,
  concurrency smallint check (concurrency > 0),
  rate_per_second real check (rate_per_second > 0),
  on_dead text not null default 'skip' check (on_dead in ('skip', 'hold')),
  on_unknown text not null default 'wait' check (on_unknown in ('wait', 'resend')),
  changed_at timestamptz not null default now(),
  created_at timestamptz not null default now()
);
create index tenant_changed on tenant (changed_at);

-- Every account that a restaurant ever had: callbacks of an attempt are verified by the token of its account.
create table account (
  tenant integer not null references tenant (id),
  account_sid text not null,
  auth_token bytea not null,
  key_id text not null,
  created_at timestamptz not null default now(),
  primary key (tenant, account_sid)
);

create table api_key (
  id text primary key,
  tenant integer references tenant (id),
  name text not null,
  hash bytea not null unique,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
create index api_key_tenant on api_key (tenant);

create table audit (
  n bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null default '{}'
);
