-- Administration of accounts by route, and merchants whose key can change while orders are open.

alter table account
  -- Raised by every change an operator or its owner makes: an update that carries an older one has lost.
  add column version integer not null default 1,
  add column activated_at timestamptz,
  add column deactivated_at timestamptz;
update account set activated_at = created_at, deactivated_at = case when state <> 'active' then updated_at end;
alter table account
  alter column activated_at set default now(),
  alter column activated_at set not null;

-- A closed account keeps its name, for the books are about somebody, and gives it free for another. An address
-- stays taken: it is what a sign-up bonus is given for.
drop index one_account_per_username;
create unique index one_account_per_username on account (lower(username)) where state <> 'closed';
create index accounts_by_creation on account (created_at) where state <> 'closed';
create index administrators on account (id) where role = 'admin' and state = 'active';

-- What a channel's merchant account was before its address, merchant or key was changed. Kept so that an order
-- that was opened with it can still be verified.
alter table payment_channel add column account_version integer not null default 1;
create table retired_channel_account (
  channel_id bigint not null references payment_channel (id),
  version integer not null,
  url text not null,
  merchant text not null,
  -- Sealed like the channel's own.
  secret bytea not null,
  retired_at timestamptz not null default now(),
  constraint one_account_per_version_of_a_channel primary key (channel_id, version)
);
-- The merchant account that an order was opened with.
alter table payment_order add column account_version integer not null default 1;
