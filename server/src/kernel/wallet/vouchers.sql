-- Adds vouchers to a wallet, or takes some (p_amount is negative). One guarded statement decides; a second entry of one
-- effect raises unique_violation. Returns whether there were enough.
create or replace function post_vouchers_v1(
  p_account bigint, p_amount int, p_effect text, p_reason text, p_operator bigint) returns boolean
language plpgsql as $$
declare
  v_after int;
begin
  update wallet set vouchers = vouchers + p_amount where account_id = p_account and vouchers + p_amount >= 0
  returning vouchers into v_after;
  if not found then
    return false;
  end if;
  insert into voucher_entry (account_id, amount, balance_after, effect, reason, operator_id)
  values (p_account, p_amount, v_after, p_effect, p_reason, p_operator);
  return true;
end $$;
