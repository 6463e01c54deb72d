-- Jobs that are under way at vendors have a queue of their own, one line for each connection, and limits.

-- The connection whose vendor is asked after the operation; null before there is one, and where none is needed.
alter table task add column asked_via bigint references connection (id);
-- How often in a row asking has failed.
alter table task add column unanswered integer not null default 0;
update task t set asked_via = c.connection_id from attempt a join channel c on c.id = a.channel_id
where t.state = 'running' and t.operation is not null and a.id = t.attempt_id and a.started_at = t.attempt_at;

-- One index over all running tasks would have whoever looks for lapsed leases read every job that waits to be asked after.
drop index tasks_running;
create index tasks_started on task (due_at) where state = 'running' and operation is null;
create index tasks_asked on task (asked_via, due_at) where state = 'running' and operation is not null;

-- What an operator says of the vendor's limits, in the words of VendorLimits; what is left out is as documented.
alter table connection add column if not exists limits json not null default '{}';

-- How many asks each process may have under way at a credential whose vendor counts them: together never more than the
-- vendor allows. A process that does not renew its row loses it.
create table ask_share (
  credential text not null,
  holder text not null,
  slots integer not null check (slots >= 0),
  until timestamptz not null,
  -- The vendor has told this process to ask nothing before.
  quiet_until timestamptz not null,
  -- When it was renewed, by the database's clock and by the process's own, which is never set.
  renewed_at timestamptz not null,
  own_ms double precision not null,
  constraint one_share_per_process primary key (credential, holder)
);
