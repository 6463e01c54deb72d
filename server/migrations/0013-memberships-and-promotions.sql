-- Memberships, coupons, activities and referrals, and what of them an order carries.

create table membership (
  account_id bigint primary key references account (id),
  plan text not null,
  started_at timestamptz not null,
  -- A renewal adds to what is left; a lapsed one begins anew.
  ends_at timestamptz not null,
  updated_at timestamptz not null default now(),
  constraint a_membership_ends_after_it_starts check (ends_at >= started_at)
);
create index memberships_by_end on membership (ends_at);

create table coupon (
  id bigint generated always as identity primary key,
  -- Compared without regard to case.
  code text not null check (char_length(code) between 1 and 40),
  name text not null,
  -- 'percent' off, an 'amount' off, or more 'credits' for the money.
  type text not null check (type in ('percent', 'amount', 'credits')),
  -- Hundredths of a percent, fen, or 1/10000 credits, by type.
  value bigint not null check (value > 0),
  least_fen bigint not null default 0 check (least_fen >= 0),
  -- How many accounts may claim it; null for any number.
  most_claims integer check (most_claims > 0),
  claims integer not null default 0,
  valid_from timestamptz not null,
  valid_until timestamptz not null,
  state text not null default 'active' check (state in ('active', 'disabled')),
  created_by bigint references account (id),
  created_at timestamptz not null default now(),
  constraint a_percentage_is_at_most_all check (type <> 'percent' or value <= 10000),
  constraint a_coupon_is_valid_for_a_while check (valid_until > valid_from),
  constraint claims_stay_within_their_number check (claims between 0 and coalesce(most_claims, claims))
);
create unique index one_coupon_per_code on coupon (upper(code));

create table coupon_claim (
  id bigint generated always as identity primary key,
  coupon_id bigint not null references coupon (id),
  account_id bigint not null references account (id),
  -- 'reserved' by an unpaid order; freed when that expires or closes.
  state text not null default 'unused' check (state in ('unused', 'reserved', 'used')),
  order_id bigint,
  claimed_at timestamptz not null default now(),
  used_at timestamptz,
  constraint one_claim_per_coupon_and_account unique (coupon_id, account_id),
  constraint only_a_claim_in_use_has_an_order check ((state = 'unused') = (order_id is null))
);
create index coupon_claims_of_account on coupon_claim (account_id, id desc);

create table activity (
  id bigint generated always as identity primary key,
  name text not null,
  type text not null check (type in ('credit_gift', 'membership_discount', 'referral_bonus', 'first_purchase')),
  description text not null default '',
  -- As the operator wrote it.
  config json not null default '{}',
  -- What of the configuration the house acts on: credits given, or hundredths of a percent off.
  credits bigint check (credits > 0),
  percent integer check (percent between 1 and 10000),
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  state text not null default 'active' check (state in ('active', 'disabled')),
  most_participants integer check (most_participants > 0),
  participants integer not null default 0,
  -- Credits that may be given in all; null for any number.
  budget bigint check (budget > 0),
  given bigint not null default 0,
  created_by bigint references account (id),
  created_at timestamptz not null default now(),
  constraint an_activity_lasts_a_while check (ends_at > starts_at),
  constraint participants_stay_within_their_number check (participants between 0 and coalesce(most_participants, participants)),
  constraint gifts_stay_within_the_budget check (given between 0 and coalesce(budget, given))
);
create index activities_by_window on activity (starts_at, ends_at) where state = 'active';

create table participation (
  id bigint generated always as identity primary key,
  activity_id bigint not null references activity (id),
  account_id bigint not null references account (id),
  -- Null where the activity gives none, or gave a discount of an order.
  entry_id bigint constraint one_participation_per_entry unique references entry (id),
  order_id bigint,
  credits bigint not null default 0 check (credits >= 0),
  created_at timestamptz not null default now(),
  constraint one_participation_per_activity_and_account unique (activity_id, account_id)
);

-- Made for an account when it first asks for it, or when it is opened where a document shows it.
alter table account add column referral_code text constraint one_account_per_referral_code unique
  check (referral_code ~ '^[A-Z0-9]{6,16}$');

create table referral (
  id bigint generated always as identity primary key,
  -- Whoever was invited; once in a life.
  referred_id bigint not null constraint one_referral_per_account unique references account (id),
  referrer_id bigint not null references account (id),
  -- 'completed' when the invited account first paid; 'reversed' when that payment was given back.
  state text not null default 'pending' check (state in ('pending', 'completed', 'reversed')),
  credits bigint not null default 0 check (credits >= 0),
  order_id bigint,
  entry_id bigint constraint one_referral_per_entry unique references entry (id),
  -- The latest taking back; a refund that is undone gives it again and leaves this.
  reversal_id bigint constraint one_reversal_per_entry unique references entry (id),
  -- What of the reward had been spent when it was to be taken back, so that nobody could.
  written_off bigint not null default 0,
  created_at timestamptz not null default now(),
  completed_at timestamptz,
  constraint nobody_invites_himself check (referred_id <> referrer_id),
  constraint no_more_is_written_off_than_was_given check (written_off between 0 and credits)
);
create index referrals_of_account on referral (referrer_id, id desc);

-- What an order is about, and how its price came about.
alter table payment_order add column item text not null default 'credits' check (item in ('credits', 'membership'));
alter table payment_order add column plan text;
alter table payment_order add column days integer check (days > 0);
alter table payment_order add column list_fen bigint check (list_fen >= amount_fen);
alter table payment_order add column bonus_credits bigint not null default 0 check (bonus_credits >= 0);
alter table payment_order add column claim_id bigint references coupon_claim (id);
alter table payment_order add column activity_id bigint references activity (id);
-- When the membership it bought ended then, and the microseconds that its refund took off: an undone refund adds
-- just that.
alter table payment_order add column membership_ends_at timestamptz;
alter table payment_order add column membership_taken_us bigint;
-- How often it was to be paid back: gateways may say no.
alter table payment_order add column refunds integer not null default 0;
alter table payment_order alter column channel_id drop not null;
alter table payment_order drop constraint payment_order_credits_check;
alter table payment_order add constraint an_order_buys_credits_or_a_membership check (
  case item when 'credits' then credits between 1 and 1000000000000000 and plan is null
    else credits = 0 and plan is not null and days is not null end);
alter table payment_order drop constraint paid_orders_have_their_entry;
-- A membership paid with money moves no credits.
alter table payment_order add constraint paid_orders_have_their_entry check (
  item = 'membership' or (state in ('paid', 'refunding', 'refunded')) = (entry_id is not null));
-- Only what is paid from the wallet itself needs no channel.
alter table payment_order add constraint an_order_has_a_channel check (channel_id is not null or method = 'balance');
create index orders_by_payment on payment_order (paid_at) where paid_at is not null;

alter table entry drop constraint entry_kind_check;
alter table entry add constraint entry_kind_check check (
  kind in ('bonus', 'adjustment', 'hold', 'capture', 'difference', 'release', 'purchase', 'purchase_refund',
    -- Given by a promotion, and taken back; a membership paid from the wallet, and paid back.
    'gift', 'gift_reversal', 'membership', 'membership_refund'));

-- Figures that statistics add up, by day in UTC+8: kept as things happen, never counted over the tables.
create table daily_figure (
  day date not null,
  name text not null check (name in ('accounts', 'closed_accounts', 'payers', 'revenue_fen', 'credits_sold')),
  value bigint not null default 0,
  primary key (day, name)
) with (fillfactor = 50);
-- Who has ever paid, for the share of payers.
create table payer (
  account_id bigint primary key references account (id),
  first_paid_at timestamptz not null default now()
);

-- Accounts are opened and closed in several ways; all of them are counted here.
create function add_figure(p_name text, p_value bigint, p_at timestamptz) returns void language sql as $$
  insert into daily_figure as f (day, name, value)
  values ((p_at at time zone 'UTC' + interval '8 hours')::date, p_name, p_value)
  on conflict (day, name) do update set value = f.value + excluded.value
$$;
create function count_account() returns trigger language plpgsql as $$
begin
  perform add_figure(case tg_op when 'INSERT' then 'accounts' else 'closed_accounts' end, 1, now());
  return null;
end $$;
-- Deferred to the commit, because a day's figure is one row that everybody wants.
create constraint trigger opened_accounts_are_counted after insert on account
  deferrable initially deferred for each row execute function count_account();
create constraint trigger closed_accounts_are_counted after update of state on account
  deferrable initially deferred for each row when (old.state <> 'closed' and new.state = 'closed')
  execute function count_account();
insert into daily_figure (day, name, value)
select (created_at at time zone 'UTC' + interval '8 hours')::date, 'accounts', count(*) from account group by 1;
insert into daily_figure (day, name, value)
select (coalesce(deactivated_at, updated_at) at time zone 'UTC' + interval '8 hours')::date, 'closed_accounts', count(*)
from account where state = 'closed' group by 1;
-- So is what was paid before.
insert into payer (account_id, first_paid_at)
select account_id, min(paid_at) from payment_order where state = 'paid' group by 1;
insert into daily_figure (day, name, value)
select (first_paid_at at time zone 'UTC' + interval '8 hours')::date, 'payers', count(*) from payer group by 1;
insert into daily_figure (day, name, value)
select (o.paid_at at time zone 'UTC' + interval '8 hours')::date, f.name, sum(f.value)
from payment_order o, lateral (values ('revenue_fen', o.amount_fen), ('credits_sold', o.credits)) f (name, value)
where o.state = 'paid' group by 1, 2;
