-- Pictures that users send to the site's own storage, under names that their clients choose.

create table upload (
  id bigint generated always as identity primary key,
  account_id bigint not null references account (id),
  -- As in the path of its address, percent-encoded: `uploads/1764080000000_x7k2mq.png`. It stays its owner's when
  -- the picture is gone, so that an old address never shows somebody else's.
  name text not null constraint one_upload_per_name unique
    check (char_length(name) between 9 and 200 and name like 'uploads/%'),
  -- Where it lies in the file store; null once it has been removed.
  store_key text constraint one_upload_per_store_key unique,
  media_type text not null,
  bytes bigint not null check (bytes > 0),
  -- When the present content came.
  created_at timestamptz not null default now(),
  -- When it is next asked whether any work still names it.
  due_at timestamptz not null default now() + interval '30 days'
);
create index uploads_due on upload (due_at) where store_key is not null;

-- How many uploads an account began on a day (UTC).
create table upload_count (
  account_id bigint not null references account (id),
  day date not null,
  uploads integer not null check (uploads > 0),
  primary key (account_id, day)
);

-- Files that may be in the store without a row that names them: being written, or replaced. The sweeper removes
-- them after an hour.
create table loose_file (
  store_key text primary key,
  since timestamptz not null default now()
);
create index loose_files_by_age on loose_file (since);
