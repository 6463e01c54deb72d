-- Orders: made once per idempotency key, credited once per order, taken back once.

-- outcome: 'created', 'repeated', 'key_conflict', 'account_ended'.
create or replace function create_order_v1(
  p_account bigint, p_handle text, p_trade_number text, p_channel bigint, p_method text, p_name text,
  p_credits bigint, p_amount_fen bigint, p_return_url text, p_lifetime interval, p_first_poll interval,
  p_idempotency_scope text, p_idempotency_key text, p_body_hash bytea,
  out outcome text, out order_id bigint)
language plpgsql as $$
begin
  select k.outcome, k.order_id into outcome, order_id
  from take_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key, p_body_hash) k;
  if outcome is not null then
    return;
  end if;
  if not exists (select from account where id = p_account and state = 'active') then
    outcome := 'account_ended';
    perform drop_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key);
    return;
  end if;
  insert into payment_order (handle, trade_number, account_id, channel_id, account_version, method, name, credits,
    amount_fen, return_url, expires_at, next_poll_at)
  values (p_handle, p_trade_number, p_account, p_channel,
    (select account_version from payment_channel where id = p_channel), p_method, p_name, p_credits, p_amount_fen,
    p_return_url, now() + p_lifetime, now() + p_first_poll)
  returning id into order_id;
  if p_idempotency_key is not null then
    update idempotency i set order_id = create_order_v1.order_id
    where i.account_id = p_account and i.scope = p_idempotency_scope and i.key = p_idempotency_key;
  end if;
  outcome := 'created';
end $$;

-- Credits an order for a payment that has been verified in every respect but one: that it is the first. The
-- guarded update decides; the unique effect of the entry stands behind it. Channel and amount are compared here
-- once more, where nothing can come between.
-- outcome: 'credited', 'repeated' (had been credited), 'closed' (takes no payment any more), 'mismatch'.
create or replace function settle_order_v1(
  p_key bytea, p_order bigint, p_channel bigint, p_amount_fen bigint, p_currency text, p_gateway_trade text,
  p_settled_by text) returns text
language plpgsql as $$
declare
  v_order payment_order;
  v_entry bigint;
begin
  select * into v_order from payment_order where id = p_order for update;
  if not found or v_order.channel_id <> p_channel or v_order.amount_fen <> p_amount_fen
    or v_order.currency <> p_currency then
    return 'mismatch';
  end if;
  if v_order.state in ('paid', 'refunding', 'refunded') then
    return 'repeated';
  end if;
  if v_order.state not in ('created', 'open', 'expired') then
    return 'closed';
  end if;
  v_entry := post_entry_v1(p_key, v_order.account_id, 'purchase', null, 'sales', 'available', v_order.credits,
    'order:' || p_order, null, v_order.trade_number, null, null, null);
  update payment_order set state = 'paid', entry_id = v_entry, gateway_trade = p_gateway_trade,
    settled_by = p_settled_by, paid_at = now(), updated_at = now(), next_poll_at = null
  where id = p_order;
  return 'credited';
end $$;

-- Takes the credits of a paid order back, before money is returned.
-- outcome: 'claimed', 'not_refundable', 'insufficient' (already spent).
create or replace function claim_refund_v1(p_key bytea, p_order bigint, p_operator bigint) returns text
language plpgsql as $$
declare
  v_order payment_order;
  v_entry bigint;
begin
  select * into v_order from payment_order where id = p_order and state = 'paid' for update;
  if not found then
    return 'not_refundable';
  end if;
  v_entry := post_entry_v1(p_key, v_order.account_id, 'purchase_refund', null, 'available', 'sales', v_order.credits,
    'refund:' || p_order || ':' || coalesce(v_order.refund_entry_id, 0), null, v_order.trade_number, p_operator,
    null, null);
  if v_entry is null then
    return 'insufficient';
  end if;
  update payment_order set state = 'refunding', refund_entry_id = v_entry, updated_at = now() where id = p_order;
  return 'claimed';
end $$;

-- Ends a refund: done, or known not to have been done, and then the credits come back.
create or replace function end_refund_v1(p_key bytea, p_order bigint, p_is_done boolean) returns boolean
language plpgsql as $$
declare
  v_order payment_order;
begin
  select * into v_order from payment_order where id = p_order and state = 'refunding' for update;
  if not found then
    return false;
  end if;
  if p_is_done then
    update payment_order set state = 'refunded', refunded_at = now(), updated_at = now() where id = p_order;
  else
    perform post_entry_v1(p_key, v_order.account_id, 'purchase_refund', null, 'sales', 'available', v_order.credits,
      'refund-undone:' || v_order.refund_entry_id, null, v_order.trade_number, null, null, null);
    update payment_order set state = 'paid', updated_at = now() where id = p_order;
  end if;
  return true;
end $$;

-- Takes orders whose time to be asked after has come and sets their next one: every 20 s for the first five
-- minutes, then ever more slowly, at expiry, and once more five minutes later.
create or replace function claim_polls_v1(p_take int) returns setof payment_order language plpgsql as $$
begin
  return query
    update payment_order o set
      polls = o.polls + 1,
      state = case when o.expires_at <= now() and o.state in ('created', 'open') then 'expired' else o.state end,
      updated_at = now(),
      next_poll_at = case
        when o.state = 'expired' then null
        when o.expires_at <= now() then now() + interval '5 minutes'
        else least(o.expires_at, now() + case
          when now() < o.created_at + interval '5 minutes' then interval '20 seconds'
          when now() < o.created_at + interval '20 minutes' then interval '1 minute'
          else interval '5 minutes' end)
        end
    where o.id in (select id from payment_order where next_poll_at <= now()
      order by next_poll_at limit p_take for update skip locked)
    returning o.*;
end $$;
