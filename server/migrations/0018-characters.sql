-- Characters that prompts may mention: an account's own, and those of the house, which are everybody's to use.

create table character (
  id bigint generated always as identity primary key,
  -- Null for the house's own.
  account_id bigint references account (id),
  name text not null check (char_length(name) between 1 and 50),
  -- Where it is from, as its document calls it; each dialect has its own list.
  type text not null check (char_length(type) between 1 and 20),
  -- A store key that nothing else names, or an address; as an account's.
  avatar text check (char_length(avatar) <= 2000 and avatar ~ '^([a-z0-9]{16,64}\.[a-z0-9]{1,8}$|https?://)'),
  -- What prompts call it after an @, besides its name.
  mention text check (mention ~ '^[a-z0-9_.]{2,40}$'),
  -- What a model is told of it in the mention's place.
  description text not null default '' check (char_length(description) <= 500),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint only_the_house_gives_handles check ((account_id is null) = (mention is not null))
);
create index characters_of_account on character (account_id, id desc);
create unique index one_character_per_mention on character (mention);
