-- Puts an analysis on record, if the account has one left in the window; else says how long it has to wait.
-- The account's row is locked first and counted after, so that a hundred requests at once are still counted one
-- by one. What was certainly never billed by a vendor does not count.
create or replace function begin_analysis_v1(
  p_account bigint, p_template text, p_template_version integer, p_most integer, p_window interval,
  out analysis_id bigint, out wait_seconds integer)
language plpgsql as $$
declare
  v_oldest timestamptz;
begin
  perform from account where id = p_account for no key update;
  select created_at into v_oldest from analysis
  where account_id = p_account and created_at > clock_timestamp() - p_window
    and (outcome is null or outcome not in ('unreadable', 'unavailable'))
  order by created_at desc offset p_most - 1 limit 1;
  if found then
    wait_seconds := greatest(1, ceil(extract(epoch from v_oldest + p_window - clock_timestamp())));
    return;
  end if;
  -- Not now(): that is when the transaction began, which may be before it had to wait for the lock.
  insert into analysis (account_id, template, template_version, created_at)
  values (p_account, p_template, p_template_version, clock_timestamp()) returning id into analysis_id;
end $$;
