-- How the senders keep the global rate together: through Redis, or in equal shares while it is away from any of them.
-- Every claim checks the epoch, so that all change over as one.
create table rate_group (
  one boolean primary key default true check (one),
  mode text not null check (mode in ('redis', 'shares')),
  epoch bigint not null,
  members text[] not null,
  changed_at timestamptz not null default now()
) with (fillfactor = 10);
insert into rate_group (mode, epoch, members) values ('redis', 1, '{}');

create table rate_member (
  name text primary key,
  redis_ok_since timestamptz,
  seen_at timestamptz not null
) with (fillfactor = 50);

create function require_rate_epoch(_epoch bigint) returns void
language plpgsql as $$
begin
  perform 1 from rate_group where epoch = _epoch for share;
  if not found then
    raise exception 'the rate group has another epoch than %', _epoch using errcode = 'MS003';
  end if;
end $$;
