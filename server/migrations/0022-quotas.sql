-- Calls that are counted by account and hour, and vendors that operators add.

-- How often an account has called in the hour of its last counted call. One row an account, not one an hour: an hour
-- that is over matters to nobody. Processes write what they counted together, so it may be a second behind.
create table call_count (
  account_id bigint primary key references account (id),
  -- When the hour began.
  hour timestamptz not null,
  calls integer not null check (calls >= 0)
) with (fillfactor = 50);

-- Who makes models, where an operator added somebody; those of the preset are in its code. Models name theirs by
-- `model.vendor`.
create table vendor (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('image', 'video', 'text')),
  -- What users choose it by.
  name text not null check (char_length(name) between 1 and 60),
  -- As its operator wrote it.
  title text not null check (char_length(title) between 1 and 60),
  connection_id bigint not null references connection (id),
  created_at timestamptz not null default now(),
  constraint one_vendor_per_kind_and_name unique (kind, name)
);
