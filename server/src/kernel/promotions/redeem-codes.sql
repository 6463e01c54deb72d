-- Redeems a code: once ever, for one account, with all that it is worth in the same statement. The lock on the code's row
-- decides between many who send it at once; the unique effect of the entry stands behind it.
--
-- Whoever sends codes that are refused is stopped after p_account_misses of them in an hour, and all from one address
-- after p_address_misses. Each try is counted before the code is looked at, so that a crowd gets no more tries than one.
-- outcome: 'redeemed', 'repeated' (by this key), 'key_conflict', 'account_ended', 'unknown', 'used', 'expired' (also
-- where it was switched off), 'limited' until `retry_after` seconds from now.
create or replace function redeem_code_v1(
  p_key bytea, p_account bigint, p_code_hash bytea, p_account_misses int, p_address_misses int,
  p_idempotency_scope text, p_idempotency_key text, p_body_hash bytea, p_ip text, p_device text,
  out outcome text, out code_id bigint, out retry_after int)
language plpgsql as $$
declare
  v_code redeem_code;
  v_entry bigint;
begin
  select k.outcome into outcome
  from take_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key, p_body_hash) k;
  if outcome = 'repeated' then
    -- A key is only kept by a success, and stands for this code: its body is the same.
    select id into code_id from redeem_code where code_hash = p_code_hash;
  end if;
  if outcome is not null then
    return;
  end if;
  -- The account's row first and then the address's, as everybody takes them.
  insert into redeem_miss as m (subject, hour, misses) values ('account:' || p_account, date_trunc('hour', now()), 1)
  on conflict (subject, hour) do update set misses = m.misses + 1 where m.misses < p_account_misses;
  if not found then
    outcome := 'limited';
  elsif p_ip is not null then
    insert into redeem_miss as m (subject, hour, misses) values ('address:' || p_ip, date_trunc('hour', now()), 1)
    on conflict (subject, hour) do update set misses = m.misses + 1 where m.misses < p_address_misses;
    if not found then
      outcome := 'limited';
    end if;
  end if;
  if outcome = 'limited' then
    retry_after := ceil(extract(epoch from date_trunc('hour', now()) + interval '1 hour' - now()));
  elsif not exists (select from account where id = p_account and state = 'active') then
    outcome := 'account_ended';
  else
    -- Whoever waits here for the row sees it as the first one left it. Posting comes after: an update would post before it
    -- waited.
    select * into v_code from redeem_code
    where code_hash = p_code_hash and state = 'active' and used_by is null
      and (expires_at is null or expires_at > now())
    for update;
    if not found then
      select case when used_by is not null then 'used' else 'expired' end into outcome
      from redeem_code where code_hash = p_code_hash;
      outcome := coalesce(outcome, 'unknown');
    end if;
  end if;
  if outcome is not null then
    perform drop_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key);
    return;
  end if;
  if v_code.kind = 'credits' then
    v_entry := post_entry_v1(p_key, p_account, 'gift', 'code', 'grants', 'available', v_code.credits,
      'code:' || v_code.id, null, 'code ' || v_code.id, null, p_ip, p_device);
  else
    perform extend_membership_v2(p_account, v_code.plan, v_code.level, make_interval(hours => 24 * v_code.days));
  end if;
  update redeem_code set used_by = p_account, used_at = now(), entry_id = v_entry where id = v_code.id;
  -- What was no miss is not counted as one.
  update redeem_miss set misses = misses - 1
  where subject in ('account:' || p_account, 'address:' || p_ip) and hour = date_trunc('hour', now());
  code_id := v_code.id;
  outcome := 'redeemed';
end $$;
