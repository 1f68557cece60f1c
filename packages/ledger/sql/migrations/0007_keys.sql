-- Which key took a key's place, so that it is not rotated twice; keys and the trail of changes are listed newest first.
alter table api_key add column replaced_by text;
create index api_key_list on api_key (created_at desc, id desc);
create index audit_subject on audit (subject, n desc);

-- Who suspended the restaurant: an operator, whose suspension new credentials do not lift; null: the provider's answers did.
alter table tenant add column suspended_by text;
