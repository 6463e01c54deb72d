-- Payment channels, orders and what gateways reported of them.

create table payment_channel (
  id bigint generated always as identity primary key,
  uuid uuid not null unique,
  name text not null,
  gateway text not null,
  url text not null,
  merchant text not null,
  -- AES-256-GCM under a key of the installation; never shown.
  secret bytea not null,
  options jsonb not null default '{}',
  methods text[] not null,
  enabled boolean not null default true,
  -- A deleted channel takes no new orders and goes on verifying those it has.
  deleted_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table payment_order (
  id bigint generated always as identity primary key,
  -- The id that clients see; its form is the dialect's.
  handle text not null constraint one_order_per_handle unique,
  -- Our number at the gateway: several sites and installations may share a merchant.
  trade_number text not null constraint one_order_per_trade_number unique,
  account_id bigint not null references account (id),
  channel_id bigint not null references payment_channel (id),
  method text not null,
  name text not null,
  credits bigint not null check (credits between 1 and 1000000000000000),
  amount_fen bigint not null check (amount_fen between 1 and 100000000000),
  currency text not null default 'CNY' check (currency = 'CNY'),
  -- created: not yet acknowledged by the gateway; closed: the gateway refused it.
  state text not null default 'created'
    check (state in ('created', 'open', 'expired', 'closed', 'paid', 'refunding', 'refunded')),
  return_url text not null,
  -- Who opens the order at the gateway has it until then; a repeat of the request waits.
  checkout_until timestamptz,
  checkouts integer not null default 0,
  pay_url text,
  qr_code text,
  gateway_trade text,
  -- The ledger's entries for it: paid in, and taken back.
  entry_id bigint constraint one_order_per_entry unique references entry (id),
  refund_entry_id bigint constraint one_refund_per_entry unique references entry (id),
  settled_by text check (settled_by in ('notification', 'query', 'operator')),
  polls integer not null default 0,
  next_poll_at timestamptz,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  paid_at timestamptz,
  refunded_at timestamptz,
  constraint paid_orders_have_their_entry check ((state in ('paid', 'refunding', 'refunded')) = (entry_id is not null))
);
create index orders_of_account on payment_order (account_id, id desc);
create index orders_to_poll on payment_order (next_poll_at) where next_poll_at is not null;
create trigger orders_are_never_deleted before delete on payment_order
  for each row execute function refuse_change_of_history();

-- Verified reports only; forgeries are counted, not stored.
create table payment_report (
  id bigint generated always as identity,
  order_id bigint not null,
  channel_id bigint not null,
  source text not null check (source in ('notification', 'query')),
  outcome text not null,
  report jsonb not null,
  received_at timestamptz not null default clock_timestamp(),
  primary key (id, received_at)
) partition by range (received_at);
create index reports_of_order on payment_report (order_id);

alter table entry drop constraint entry_kind_check;
alter table entry add constraint entry_kind_check check (
  kind in ('bonus', 'adjustment', 'hold', 'capture', 'difference', 'release', 'purchase', 'purchase_refund'));

alter table idempotency add column order_id bigint;

create or replace function ensure_partitions() returns void language plpgsql as $$
declare
  month date;
  parent text;
begin
  foreach parent in array array['attempt', 'payment_report'] loop
    for month in select generate_series(date_trunc('month', now()) - interval '1 month',
                                        date_trunc('month', now()) + interval '2 months', interval '1 month')::date loop
      execute format('create table if not exists %I partition of %I for values from (%L) to (%L)',
                     parent || '_' || to_char(month, 'YYYY_MM'), parent, month, (month + interval '1 month')::date);
    end loop;
  end loop;
end $$;
select ensure_partitions();
create table payment_report_default partition of payment_report default;
