-- Plans that make members of two levels, for a while or for life, and give credits and vouchers with it; codes that
-- operators make and accounts redeem.

-- Rights to outputs of high resolution, counted beside credits: by operators and plans only.
alter table wallet add column vouchers integer not null default 0
  constraint vouchers_are_never_negative check (vouchers >= 0);

create table voucher_entry (
  id bigint generated always as identity primary key,
  account_id bigint not null references wallet (account_id),
  -- Negative for what was taken.
  amount integer not null check (amount <> 0),
  balance_after integer not null check (balance_after >= 0),
  -- The business effect, such as 'order:17'. A second entry of the same effect cannot be stored.
  effect text not null constraint one_voucher_entry_per_effect unique,
  reason text,
  operator_id bigint references account (id),
  created_at timestamptz not null default clock_timestamp()
);
create index voucher_entries_of_account on voucher_entry (account_id, id desc);
create trigger voucher_entries_are_append_only before update or delete on voucher_entry
  for each row execute function refuse_change_of_history();
create trigger voucher_entries_are_never_truncated before truncate on voucher_entry
  for each statement execute function refuse_change_of_history();

-- What was given to an account is added up whenever it looks at its balance; holds and captures pay nothing for this.
create index gifts_of_account on entry (account_id) where kind in ('gift', 'gift_reversal', 'adjustment');

-- Time of the higher level is used up first and the lower level's waits behind it: `ends_at` is the end of all of it.
alter table membership add column high_until timestamptz;
-- The level of a membership for life, while one is paid for. What else there is runs on beside it.
alter table membership add column lifetime_level smallint check (lifetime_level in (1, 2));
alter table membership add constraint the_higher_level_ends_with_the_membership
  check (high_until is null or high_until <= ends_at);

-- What a membership's order gives besides its time, and how high a member it makes; without days it is for life.
alter table payment_order add column level smallint not null default 1 check (level in (1, 2));
alter table payment_order add column vouchers integer not null default 0 check (vouchers between 0 and 1000000);
-- What of them its refund found: an undone one gives back just that.
alter table payment_order add column vouchers_taken integer;
alter table payment_order drop constraint an_order_buys_credits_or_a_membership;
alter table payment_order add constraint an_order_buys_credits_or_a_membership check (
  case item when 'credits' then credits between 1 and 1000000000000000 and plan is null and vouchers = 0
    else credits between 0 and 1000000000000000 and plan is not null end);

create table redeem_code (
  id bigint generated always as identity primary key,
  -- HMAC of the code; the code itself is shown once, to whoever made it.
  code_hash bytea not null constraint one_redeem_code_per_hash unique,
  -- The end of the code, by which people recognise it.
  hint text not null check (char_length(hint) = 4),
  -- What operators call those that were made together.
  label text not null default '' check (char_length(label) <= 100),
  kind text not null check (kind in ('credits', 'membership')),
  credits bigint check (credits between 1 and 1000000000000000),
  plan text,
  level smallint check (level in (1, 2)),
  days integer check (days between 1 and 36500),
  state text not null default 'active' check (state in ('active', 'disabled')),
  -- Not redeemed after this; null for ever.
  expires_at timestamptz,
  created_by bigint references account (id),
  created_at timestamptz not null default now(),
  used_by bigint references account (id),
  used_at timestamptz,
  entry_id bigint constraint one_redeem_code_per_entry unique references entry (id),
  constraint a_code_is_worth_credits_or_a_membership check (
    case kind when 'credits' then credits is not null and plan is null and level is null and days is null
      else credits is null and plan is not null and level is not null and days is not null end),
  constraint a_used_code_is_somebodys check ((used_by is null) = (used_at is null)),
  constraint a_used_code_for_credits_has_its_entry check (kind <> 'credits' or (used_by is null) = (entry_id is null))
);
create index redeem_codes_by_label on redeem_code (label, id);
create trigger redeem_codes_are_never_deleted before delete on redeem_code
  for each row execute function refuse_change_of_history();

-- Codes that were tried in vain, by account and by address: each hour of each is one row.
create table redeem_miss (
  subject text not null,
  hour timestamptz not null,
  misses integer not null,
  primary key (subject, hour)
);
