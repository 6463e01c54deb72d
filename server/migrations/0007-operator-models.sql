-- Models that operators define, the connections that serve them, and tasks that wait for approval.

-- Where channels reach their vendors. A model with an address of its own has a connection of its own.
create table connection (
  id bigint generated always as identity primary key,
  name text not null constraint one_connection_per_name unique,
  provider text not null,
  url text not null,
  -- AES-256-GCM under a key of the installation: the key and the headers. Never shown.
  sealed bytea not null,
  options json not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table channel add column connection_id bigint references connection (id);
alter table channel drop constraint one_channel_per_vendor_model;
alter table channel add constraint one_channel_per_vendor_model
  unique nulls not distinct (model_id, provider, vendor_model, connection_id);

-- 'custom' calls what the operator declared; 'text' and 'vision' write, and are no tasks.
alter table model drop constraint model_kind_check;
alter table model add constraint model_kind_check check (kind in ('image', 'video', 'custom', 'text', 'vision'));
-- What a user may set and where the answer says what, as the operator wrote it; json keeps it letter by letter.
alter table model add column declaration json not null default '{"headers":[],"inputs":[],"outputs":[]}';

alter table task drop constraint task_kind_check;
alter table task add constraint task_kind_check check (kind in ('image', 'video', 'custom'));
-- 'awaiting_approval' comes before 'queued', where an administrator approves what is run.
alter table task drop constraint task_state_check;
alter table task add constraint task_state_check check (
  state in ('awaiting_approval', 'queued', 'running', 'unknown', 'succeeded', 'failed', 'canceled'));
-- Shown again exactly as the client sent it.
alter table task alter column parameters type json using parameters::json;
-- The vendor's own number of the job, where it has one.
alter table task add column remote_id text;
alter table task add column approved_by bigint references account (id);
drop index tasks_by_deadline;
create index tasks_by_deadline on task (deadline)
  where state in ('awaiting_approval', 'queued', 'running', 'unknown');
create index tasks_of_account on task (account_id, id desc);
