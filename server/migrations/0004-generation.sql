-- Tasks are their own queue; attempts tell what was sent to a provider; works are what came of it.

create table task (
  id bigint generated always as identity primary key,
  -- The id that clients see; its form is the dialect's.
  handle text not null constraint one_task_per_handle unique,
  account_id bigint not null references account (id),
  kind text not null check (kind in ('image')),
  -- 'unknown': it may have been done at the vendor and cannot be asked; never resubmitted by itself.
  state text not null default 'queued'
    check (state in ('queued', 'running', 'unknown', 'succeeded', 'failed', 'canceled')),
  model_id bigint not null references model (id),
  price_subject text not null,
  price_version integer not null,
  -- The kernel's input, and beside it the client's own parameters to show again.
  input jsonb not null,
  parameters jsonb not null,
  -- Price at submission, and what is paid after everything is settled (0 when given back).
  cost bigint not null check (cost >= 0),
  charged bigint not null check (charged between 0 and cost),
  hold_id bigint not null references hold (id),
  progress smallint not null default 0 check (progress between 0 and 100),
  -- Fair place in the queue: a virtual time that each account's tasks advance one by one.
  turn bigint not null,
  -- When the row may be claimed next. While a worker has it, this is the end of its lease.
  due_at timestamptz not null default now(),
  worker text,
  -- Raised by every claim, cancellation and retry: a write that carries an older one changes nothing.
  generation integer not null default 0,
  attempts integer not null default 0,
  max_attempts integer not null check (max_attempts between 1 and 20),
  -- The attempt that is open now, if any, and the vendor's operation once it is known.
  attempt_id bigint,
  attempt_at timestamptz,
  attempt_generation integer,
  operation jsonb,
  failure text check (failure in ('content', 'rejected', 'unavailable', 'deadline', 'unknown')),
  -- Past this the sweeper ends the task and gives the hold back.
  deadline timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz
) with (fillfactor = 70);
create index tasks_waiting on task (turn) where state = 'queued';
create index tasks_running on task (due_at) where state = 'running';
create index tasks_by_deadline on task (deadline) where state in ('queued', 'running', 'unknown');
alter table hold add constraint a_hold_belongs_to_its_task
  foreign key (task_id) references task (id) deferrable initially deferred;

-- Fairness: where each account's last task stands, and how far the queue has been served.
create table queue_place (
  account_id bigint primary key references account (id),
  turn bigint not null
) with (fillfactor = 70);
create table queue_clock (
  only_row boolean primary key default true check (only_row),
  turn bigint not null
) with (fillfactor = 50);
insert into queue_clock (turn) values (0);

create table attempt (
  id bigint generated always as identity,
  task_id bigint not null,
  generation integer not null,
  channel_id bigint,
  state text not null check (state in ('started', 'pending', 'succeeded', 'failed', 'abandoned', 'unknown')),
  operation jsonb,
  -- The provider's error, for operators; never shown to users.
  error text,
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  primary key (id, started_at)
) partition by range (started_at);
create index attempts_of_task on attempt (task_id);

create table idempotency (
  account_id bigint not null references account (id),
  scope text not null,
  key text not null,
  body_hash bytea not null,
  task_id bigint,
  created_at timestamptz not null default now(),
  constraint one_effect_per_idempotency_key primary key (account_id, scope, key)
);
create index idempotency_by_age on idempotency (created_at);

create table work (
  id bigint generated always as identity primary key,
  task_id bigint not null references task (id) constraint one_work_per_task unique,
  account_id bigint not null,
  state text not null default 'pending' check (state in ('pending', 'ready', 'failed')),
  created_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index works_of_account on work (account_id, id desc) where deleted_at is null;
create index works_deleted on work (deleted_at) where deleted_at is not null;

create table file (
  id bigint generated always as identity primary key,
  work_id bigint not null references work (id),
  role text not null check (role in ('output', 'thumbnail')),
  position integer not null,
  -- Where it lies in the file store; rows never hold URLs.
  store_key text not null constraint one_file_per_store_key unique,
  media_type text not null,
  bytes bigint not null,
  width integer,
  height integer,
  created_at timestamptz not null default now(),
  removed_at timestamptz,
  constraint one_file_per_place_in_a_work unique (work_id, role, position)
);

-- Makes the monthly partitions of attempts from last month to the month after next.
create function ensure_partitions() returns void language plpgsql as $$
declare
  month date;
begin
  for month in select generate_series(date_trunc('month', now()) - interval '1 month',
                                      date_trunc('month', now()) + interval '2 months', interval '1 month')::date loop
    execute format('create table if not exists %I partition of attempt for values from (%L) to (%L)',
                   'attempt_' || to_char(month, 'YYYY_MM'), month, (month + interval '1 month')::date);
  end loop;
end $$;
select ensure_partitions();
create table attempt_default partition of attempt default;

-- What the invariants job found last; /readyz and metrics read it.
create table finding (
  id bigint generated always as identity primary key,
  check_name text not null,
  details jsonb not null,
  found_at timestamptz not null default now(),
  cleared_at timestamptz
);
create unique index one_open_finding_per_check on finding (check_name) where cleared_at is null;
