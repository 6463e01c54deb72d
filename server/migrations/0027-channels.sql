-- Several channels serve one model: which goes first, how much each takes, and how their vendors' credentials are doing.

-- The lower number goes first; weights divide what comes among equals.
alter table channel add column priority integer not null default 10 check (priority between 0 and 1000);
-- Jobs under way at the vendor, from their start until they have ended; null is not limited.
alter table channel add column most_jobs integer check (most_jobs between 1 and 1000000);
alter table channel add column starts_per_minute integer check (starts_per_minute between 1 and 1000000);
-- What an operator says of the vendor's limits, in the words of VendorLimits; what is left out is as documented.
alter table connection add column if not exists limits json not null default '{}';

-- When the attempt left the house, and with which credential (its fingerprint). One that was sent and has not ended has a
-- place at its vendor: places are counted from these rows, so that none is lost with the process that took it.
alter table attempt add column sent_at timestamptz;
alter table attempt add column credential text;
create index attempts_under_way on attempt (credential, channel_id) where sent_at is not null and ended_at is null;
create index attempts_sent_with on attempt (credential, sent_at) where sent_at is not null;
create index attempts_sent_through on attempt (channel_id, sent_at) where sent_at is not null;

-- The channels that would not have it, in this series of attempts.
alter table task add column refused_by bigint[] not null default '{}';
-- When the vendor is asked whether it has the job of a task in doubt; null where nobody can ask.
alter table task add column look_at timestamptz;
create index tasks_in_doubt on task (look_at) where state = 'unknown';

-- How a credential's vendor is doing, as the processes of the site have seen it last.
create table credential_state (
  credential text primary key,
  state text not null check (state in ('closed', 'open', 'probing')),
  failures integer not null default 0 check (failures >= 0),
  openings integer not null default 0 check (openings >= 0),
  open_until timestamptz,
  throttled_until timestamptz,
  -- The process that has seen it.
  seen_by text not null default '',
  -- Raised by an operator who has it tried again at once.
  resets integer not null default 0,
  updated_at timestamptz not null default now()
) with (fillfactor = 70);
