-- The credit ledger. Credits are integers of 1/10000 unit.
--
-- Double entry: each wallet has the ledger accounts `available` and `held`; the platform has one ledger
-- account per reason (grants, sales, adjustments, revenue). An entry moves an amount from one to another, so
-- the books sum to zero by construction. The platform's accounts have no balance row to fight over.

create table wallet (
  account_id bigint primary key references account (id),
  -- Net of holds; may go down to -credit_limit.
  available bigint not null default 0,
  held bigint not null default 0 constraint held_is_never_negative check (held >= 0),
  -- Everything that came in less what was taken back; always available + held + spent.
  granted bigint not null default 0,
  spent bigint not null default 0 check (spent >= 0),
  credit_limit bigint not null default 0 check (credit_limit between 0 and 1000000000000000),
  -- Number of entries, and the hash of the last one: the head of this wallet's chain.
  entries bigint not null default 0,
  chain bytea not null default '\x00',
  constraint available_stays_within_the_credit_limit check (available + credit_limit >= 0),
  -- Holds count, so that giving one back never meets the ceiling.
  constraint a_wallet_has_a_ceiling check (available + held <= 1000000000000000),
  constraint granted_is_available_held_and_spent check (granted = available + held + spent)
) with (fillfactor = 70);

create table hold (
  id bigint generated always as identity primary key,
  account_id bigint not null references wallet (account_id),
  task_id bigint not null,
  amount bigint not null check (amount between 0 and 1000000000000000),
  -- Why nothing is held: 'membership', 'free', …
  free_reason text,
  state text not null default 'open' check (state in ('open', 'captured', 'released')),
  captured bigint not null default 0,
  -- A sweeper resolves what is still open after this.
  deadline timestamptz not null,
  created_at timestamptz not null default now(),
  resolved_at timestamptz,
  constraint a_capture_never_exceeds_its_hold check (captured between 0 and amount),
  constraint only_a_reason_makes_a_hold_free check (amount > 0 or free_reason is not null)
) with (fillfactor = 80);
create index open_holds on hold (deadline) where state = 'open';

create table entry (
  id bigint generated always as identity primary key,
  account_id bigint not null references wallet (account_id),
  -- 1, 2, 3 … within the wallet, without gaps.
  sequence bigint not null,
  kind text not null check (kind in ('bonus', 'adjustment', 'hold', 'capture', 'difference', 'release')),
  -- What it was about, for the statement: a task's kind, or null.
  topic text,
  debit text not null,
  credit text not null,
  amount bigint not null check (amount between 1 and 1000000000000000),
  available_before bigint not null,
  available_after bigint not null,
  held_after bigint not null,
  -- The business effect, such as 'resolve:17'. A second entry of the same effect cannot be stored.
  effect text,
  task_id bigint,
  reason text,
  operator_id bigint references account (id),
  ip text,
  device text,
  created_at timestamptz not null,
  -- HMAC-SHA256 over this row and the previous row's hash.
  hash bytea not null,
  constraint one_entry_per_place_in_a_chain unique (account_id, sequence),
  constraint an_entry_moves_between_two_accounts check (
    debit <> credit
    and debit in ('available', 'held', 'grants', 'sales', 'adjustments')
    and credit in ('available', 'held', 'revenue', 'sales', 'adjustments')
    and (debit in ('available', 'held') or credit in ('available', 'held'))
  )
);
create unique index one_entry_per_effect on entry (effect) where effect is not null;
-- The statement shows what changed the available balance; a full capture of a hold changes nothing.
create index statement_of_account on entry (account_id, sequence desc) where available_before <> available_after;

create function refuse_change_of_history() returns trigger language plpgsql as $$
begin
  raise exception 'the ledger is append-only: % on % refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger entries_are_append_only before update or delete on entry
  for each row execute function refuse_change_of_history();
create trigger entries_are_never_truncated before truncate on entry
  for each statement execute function refuse_change_of_history();
create trigger holds_are_never_truncated before truncate on hold
  for each statement execute function refuse_change_of_history();
create trigger wallets_are_never_truncated before truncate on wallet
  for each statement execute function refuse_change_of_history();
create trigger holds_are_never_deleted before delete on hold
  for each row execute function refuse_change_of_history();
create trigger wallets_are_never_deleted before delete on wallet
  for each row execute function refuse_change_of_history();
