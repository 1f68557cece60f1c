-- A restore that is under way: the newest that the backup knew of, and when the new incarnation began. Null: none is.
alter table installation add column restored_from timestamptz;
alter table installation add column restored_at timestamptz;
