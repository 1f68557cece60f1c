-- What keeps a ledger small is done by whoever sends: senders, and ingress where it sends without the queue. These run as the owner of
-- the tables, so that nobody needs the right to delete from them.

-- Puts the rows of the tally together; answers with how many they were. Nothing is written where each state has one.
create function fold_tally() returns integer
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
  folded integer;
begin
  if not exists (select from message_tally group by state having count(*) > 1) then
    return 0;
  end if;
  -- Two at once: the second waits for the first, and finds the rows gone.
  with gone as (
    delete from message_tally returning state, n
  ), kept as (
    insert into message_tally select state, sum(n) from gone group by state having sum(n) <> 0
  )
  select count(*) into folded from gone;
  return folded;
end
$$;

-- Erases the detail of messages that ended so long ago, forgets the ids of those that ended longer ago, and records that could not be
-- filed: `_most` of each, the oldest first. Answers with how many they were. What stays of an erased message is its id and its end, as
-- after erase_page. States: 10 and more are ends. Plans look few rows up by key, whatever the statistics say.
create function prune_page(_detail_ms double precision, _id_ms double precision, _most integer) returns integer
language plpgsql security definer
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  page integer;
  total integer;
begin
  with d as (
    select tenant, u from message
     where changed_at < clock_timestamp() - _detail_ms * interval '1 ms' and state >= 10 and not erased
     order by changed_at limit _most for no key update skip locked
  ), m as (
    update message x set erased = true, conversation = '', recipient = '\x', sender = ''
      from d where x.tenant = d.tenant and x.u = d.u
    returning x.tenant, x.u
  ), b as (
    delete from body b using m where b.tenant = m.tenant and b.u = m.u
  ), a as (
    delete from attempt a using m where a.tenant = m.tenant and a.u = m.u
  ), c as (
    delete from callback c using m where c.tenant = m.tenant and c.u = m.u
  ), e as (
    delete from message_event e using m where e.tenant = m.tenant and e.u = m.u
  )
  select count(*) into total from m;

  with d as (
    select tenant, u from message
     where changed_at < clock_timestamp() - _id_ms * interval '1 ms' and erased
     order by changed_at limit _most for update skip locked
  ), m as (
    delete from message x using d where x.tenant = d.tenant and x.u = d.u
    returning 1
  )
  select count(*) into page from m;
  total := total + page;

  with d as (
    select u from unfiled where filed_at < clock_timestamp() - _detail_ms * interval '1 ms'
     order by filed_at limit _most for update skip locked
  ), r as (
    delete from unfiled x using d where x.u = d.u
    returning 1
  )
  select count(*) into page from r;
  return total + page;
end
$$;
revoke all on function fold_tally(), prune_page(double precision, double precision, integer) from public;
