-- Who noted the range: a process that reads it again, as its answer or its admission was lost on the way, did not die of it.
alter table range_note add column readers text[] not null default '{}';
