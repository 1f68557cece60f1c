-- Sends without the queue (message.state 1 direct: under way, with a slot and no lane). queued: its record also came through
-- Kafka, so that being refused is not its end.
alter table message add column queued boolean not null default true;
create index message_reopening on message (partition) where state = 23 and queued;
