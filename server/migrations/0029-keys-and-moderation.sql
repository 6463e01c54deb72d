-- What of the catalogue nobody chose: the preset's own channels, and those that the house serves a model with where it
-- was not said by whom. Only these does a key in the environment move to its vendor.
alter table channel add column is_usual boolean not null default false;
-- Models that operators defined have names of their own making; whether one of those was given to the built-in renderer
-- on purpose is not known, so it stays there.
update channel c set is_usual = true from model m
where m.id = c.model_id and c.provider = 'sketch' and c.connection_id is null and m.name not like 'model\_%';

-- HMAC of the address and the key that the environment last gave a connection; null for an operator's own. As long as
-- it is that of what is stored, nobody has touched it, and a new key in the environment takes its place.
alter table connection add column environment_mark bytea;

-- What users may not ask for, as an operator wrote it and as texts are compared with it.
create table moderation_word (
  id bigint generated always as identity primary key,
  word text not null,
  form text not null constraint one_moderation_word_per_form unique,
  created_at timestamptz not null default now()
);

-- How often what an account asked for was refused in a day (UTC), by whom: rows that an account cannot make many of.
create table refused_content (
  account_id bigint not null references account (id),
  day date not null,
  kind text not null,
  refused_by text not null check (refused_by in ('vendor', 'list')),
  times integer not null check (times > 0),
  primary key (account_id, day, kind, refused_by)
);
create index refused_content_by_day on refused_content (day);
