-- Pictures that were described: what each account may still ask for, and what it cost at the vendor.

create table analysis (
  id bigint generated always as identity primary key,
  account_id bigint not null references account (id),
  template text not null,
  template_version integer not null check (template_version > 0),
  -- Who was asked last; null before anybody was.
  provider text,
  -- As the vendor counted them; null where it does not.
  input_tokens bigint check (input_tokens >= 0),
  output_tokens bigint check (output_tokens >= 0),
  -- Null while it is under way, and for ever when its process died. 'unreadable' is the picture's fault; a vendor
  -- may have billed every other one but 'unavailable'.
  outcome text check (
    outcome in ('succeeded', 'unreadable', 'content', 'rejected', 'unavailable', 'deadline', 'unknown')),
  created_at timestamptz not null default now(),
  finished_at timestamptz
);
create index analyses_that_count on analysis (account_id, created_at desc)
  where outcome is null or outcome not in ('unreadable', 'unavailable');
