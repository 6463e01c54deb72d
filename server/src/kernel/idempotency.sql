-- A client's key stands for one effect. The statement that has the effect takes the key first, and drops it again
-- when it refuses.

-- outcome: null when the key is now the caller's (or none was given), 'repeated' with the effect of an earlier
-- request, 'key_conflict' when it stands for another body. Waits for a concurrent request with the same key, and
-- then sees what it did.
create or replace function take_idempotency_key_v1(
  p_account bigint, p_scope text, p_key text, p_body_hash bytea,
  out outcome text, out task_id bigint, out order_id bigint)
language plpgsql as $$
declare
  v_known idempotency;
begin
  if p_key is null then
    return;
  end if;
  insert into idempotency (account_id, scope, key, body_hash) values (p_account, p_scope, p_key, p_body_hash)
  on conflict do nothing;
  if not found then
    select * into v_known from idempotency i where i.account_id = p_account and i.scope = p_scope and i.key = p_key;
    outcome := case when v_known.body_hash = p_body_hash then 'repeated' else 'key_conflict' end;
    task_id := v_known.task_id;
    order_id := v_known.order_id;
  end if;
end $$;

-- A refusal is never stored: the same key may try again when the reason is gone.
create or replace function drop_idempotency_key_v1(p_account bigint, p_scope text, p_key text) returns void
language sql as $$
  delete from idempotency where account_id = p_account and scope = p_scope and key = p_key
$$;
