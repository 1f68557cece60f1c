-- Which provider template stands for which content: the truth behind the template cache's faster tiers. The account
-- is part of the identity, as a template belongs to one account only.
create table template_sid (
  account text not null,
  key text not null,
  hash text not null,
  sid text not null,
  created_at timestamptz not null default now(),
  primary key (account, key, hash)
);

-- The highest running number counted of each process that records cache events, by partition of their topic: a record
-- that was published twice has two offsets, and is still counted once.
create table cache_producer (
  partition smallint not null,
  producer text not null,
  sequence bigint not null,
  seen_at timestamptz not null default now(),
  primary key (partition, producer)
);
create index cache_producer_seen on cache_producer (seen_at);
