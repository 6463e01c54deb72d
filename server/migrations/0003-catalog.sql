-- Models, the channels that serve them, versioned prices and settings.

create table model (
  id bigint generated always as identity primary key,
  -- The stable name a dialect's preset or an operator knows it by.
  name text not null constraint one_model_per_name unique,
  title text not null,
  description text not null default '',
  kind text not null check (kind in ('image')),
  state text not null default 'open' check (state in ('open', 'draft', 'closed')),
  -- Whether a request of this kind that names no model gets this one.
  is_default boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index one_default_model_per_kind on model (kind) where is_default;

create table channel (
  id bigint generated always as identity primary key,
  model_id bigint not null references model (id),
  provider text not null,
  vendor_model text not null,
  weight integer not null default 1 check (weight between 1 and 1000),
  enabled boolean not null default true,
  constraint one_channel_per_vendor_model unique (model_id, provider, vendor_model)
);

-- A price is never changed, only followed by the next version; a task records the version it paid.
create table price (
  -- 'model:<id>' or 'kind:<kind>'; the first that exists applies.
  subject text not null,
  version integer not null check (version > 0),
  -- Credits for one output.
  credits bigint not null check (credits between 0 and 10000000000000),
  -- 'preset' follows the dialect's code, 'operator' overrides it.
  source text not null check (source in ('preset', 'operator')),
  created_at timestamptz not null default now(),
  primary key (subject, version)
);

-- An operator's overrides of the preset. A null value withdraws the override.
create table setting (
  name text not null,
  version integer not null check (version > 0),
  value jsonb,
  created_at timestamptz not null default now(),
  primary key (name, version)
);
