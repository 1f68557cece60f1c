-- What is due to be erased, then forgotten, oldest first: an index of blocks led past all that was erased and not forgotten yet.
create index message_to_erase on message (changed_at) where state >= 10 and not erased;
create index message_to_forget on message (changed_at) where erased;
drop index message_age;

-- What the queue's counts tell apart among those that wait.
create index message_backing_off on message (due) where state = 0 and due > '-infinity';
create index lane_held on lane (tenant, lane) where state = 4;

-- Dead letters are grouped by what the index holds of them.
drop index message_dead;
create index message_dead on message (changed_at, u)
  include (tenant, dead_reason, error_class, error_code, erased, discarded_at) where state = 20;
