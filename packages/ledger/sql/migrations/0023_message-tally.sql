-- message_tally: how many messages are in each state, as the sum of its rows: to count them one by one takes longer the more are kept.
-- Every statement that changes messages adds what it changed, so none waits for another; upkeep puts the rows together.
create table message_tally (
  state smallint not null,
  n bigint not null
) with (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

create function tally_filed() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into message_tally select state, count(*) from added group by state;
  return null;
end
$$;
create function tally_changed() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into message_tally
  select state, sum(n) from (
    select state, 1 as n from added union all select state, -1 from gone) c
   group by state having sum(n) <> 0;
  return null;
end
$$;
create function tally_forgotten() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into message_tally select state, -count(*) from gone group by state;
  return null;
end
$$;
revoke all on function tally_filed(), tally_changed(), tally_forgotten() from public;

create trigger message_filed after insert on message
  referencing new table as added for each statement execute function tally_filed();
create trigger message_changed after update on message
  referencing old table as gone new table as added for each statement execute function tally_changed();
create trigger message_forgotten after delete on message
  referencing old table as gone for each statement execute function tally_forgotten();

-- Nobody writes messages until this is committed.
insert into message_tally select state, count(*) from message group by state;
