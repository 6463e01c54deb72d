-- Pictures and clips that users send with a form, under keys of ours.

create table sent_file (
  id bigint generated always as identity primary key,
  account_id bigint not null references account (id),
  -- Where it lies in the file store, and the small picture that shows it: of a clip, its poster.
  store_key text not null constraint one_sent_file_per_store_key unique,
  preview_key text not null constraint one_sent_file_per_preview_key unique,
  media_type text not null,
  bytes bigint not null check (bytes > 0),
  width integer not null check (width > 0),
  height integer not null check (height > 0),
  -- Of clips alone.
  duration_ms integer check (duration_ms >= 0),
  created_at timestamptz not null default now(),
  -- When it is next asked whether any work still names it.
  due_at timestamptz not null default now() + interval '30 days'
);
create index sent_files_due on sent_file (due_at);

-- How many bytes an account sent on a day, beside how many uploads it began.
alter table upload_count add column bytes bigint not null default 0 check (bytes >= 0);
