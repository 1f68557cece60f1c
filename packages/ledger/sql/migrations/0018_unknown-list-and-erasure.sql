-- Unknown outcomes of all restaurants, the longest waiting first: few rows, read in pages by people and their command line.
create index message_unknown on message (changed_at, u) where state = 5;

-- Erases what has ended among the next rows of a restaurant, newest first, behind (_at, _u): see erasure.ts. It runs as the owner of the
-- tables, so that whoever may call it can take away nothing else. States: 10 and more are ends, 23 with `queued` waits in the log.
-- Planned with the values at hand: how many rows a page has decides how they are looked up.
create function erase_page(_tenant integer, _recipient bytea, _at timestamptz, _u uuid, _most integer) returns json
language plpgsql security definer
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
  answer json;
begin
  with page as materialized (
    select tenant, u, accepted_at, recipient, state, queued, erased from message
     where tenant = _tenant and (_at is null or (accepted_at, u) < (_at, _u))
     order by accepted_at desc, u desc limit _most
  ), hit as materialized (
    select p.tenant, p.u,
           p.state >= 10 and not (p.state = 23 and p.queued)
             and not exists (select from outbox o where o.tenant = p.tenant and o.u = p.u) as ended
      from page p where not p.erased and (_recipient is null or p.recipient = _recipient)
  ), d as (
    select x.tenant, x.u from message x join hit h on h.tenant = x.tenant and h.u = x.u
     where h.ended and x.state >= 10 for no key update of x
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
  select json_build_object(
    'erased', (select count(*) from m),
    'left', (select count(*) from hit where not ended),
    'examples', (select json_agg(json_build_object('u', l.u, 'tag', l.tag)) from (
      select x.u, x.tag from message x join hit h using (tenant, u) where not h.ended limit 100) l),
    'read', (select count(*) from page),
    'place', (select json_build_object('at', (extract(epoch from accepted_at) * 1000000)::bigint, 'u', u)
                from page order by accepted_at, u limit 1))
    into answer;
  return answer;
end
$$;
revoke all on function erase_page(integer, bytea, timestamptz, uuid, integer) from public;
