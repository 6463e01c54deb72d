-- Orders: made once per idempotency key, credited once per order, taken back once.

-- Opens an order with what its price promises: the coupon that p_coupon names or, without one, the activity that makes
-- it cheapest. An order that is paid from the wallet (p_credits_per_fen is given, and p_channel null) is paid in the same step, or,
-- when there is too little credit, nothing is left of it.
-- outcome: 'created', 'repeated', 'key_conflict', 'account_ended', 'coupon_refused' with `problem`, 'insufficient'
-- with what is `required` and `available`.
create or replace function create_order_v3(
  p_key bytea, p_account bigint, p_handle text, p_trade_number text, p_channel bigint, p_method text, p_name text,
  p_item text, p_credits bigint, p_plan text, p_level int, p_days int, p_vouchers int, p_list_fen bigint, p_coupon text, p_credits_per_fen bigint,
  p_return_url text, p_lifetime interval, p_first_poll interval,
  p_idempotency_scope text, p_idempotency_key text, p_body_hash bytea,
  out outcome text, out order_id bigint, out problem text, out required bigint, out available bigint)
language plpgsql as $$
declare
  v_deal record;
  v_coupon record;
  v_entry bigint;
  v_ends timestamptz;
begin
  select k.outcome, k.order_id into outcome, order_id
  from take_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key, p_body_hash) k;
  if outcome is not null then
    return;
  end if;
  -- Orders of one account are opened one after the other, so that a promotion that works once is promised once.
  perform from account where id = p_account and state = 'active' for no key update;
  if not found then
    outcome := 'account_ended';
    perform drop_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key);
    return;
  end if;
  order_id := nextval('payment_order_id_seq');
  begin
    if p_coupon is not null then
      -- A coupon is the payer's own choice, and what was promised for it alone is never added to an activity's.
      select c.problem, c.claim_id, null::bigint as activity_id, c.amount_fen, c.bonus into v_deal
      from take_coupon_v1(p_account, p_coupon, order_id, p_item, p_list_fen) c;
      if v_deal.problem is not null then
        problem := v_deal.problem;
        raise exception 'no such coupon for this order' using errcode = 'AT002';
      end if;
    else
      select null::text as problem, null::bigint as claim_id, a.activity_id, a.amount_fen, a.bonus into v_deal
      from take_activity_v1(p_account, order_id, p_item, p_list_fen, p_credits_per_fen is not null) a;
    end if;
    if p_credits_per_fen is not null then
      required := v_deal.amount_fen * p_credits_per_fen;
      v_entry := post_entry_v1(p_key, p_account, 'membership', null, 'available', 'sales', required,
        'order:' || order_id, null, p_trade_number, null, null, null);
      if v_entry is null then
        raise exception 'too little credit' using errcode = 'AT001';
      end if;
      if p_days is not null then
        v_ends := extend_membership_v2(p_account, p_plan, p_level, make_interval(hours => 24 * p_days));
      end if;
      update coupon_claim c set state = 'used', used_at = now() where c.id = v_deal.claim_id;
    end if;
    insert into payment_order (id, handle, trade_number, account_id, channel_id, account_version, method, name, item,
      credits, bonus_credits, plan, level, days, vouchers, list_fen, amount_fen, claim_id, activity_id, return_url, expires_at,
      next_poll_at, state, entry_id, paid_at, membership_ends_at) overriding system value
    values (order_id, p_handle, p_trade_number, p_account, p_channel,
      coalesce((select account_version from payment_channel where id = p_channel), 1), p_method, p_name, p_item,
      p_credits, v_deal.bonus, p_plan, p_level, p_days, p_vouchers, p_list_fen, v_deal.amount_fen, v_deal.claim_id, v_deal.activity_id,
      p_return_url, now() + p_lifetime, case when v_entry is null then now() + p_first_poll end,
      case when v_entry is null then 'created' else 'paid' end, v_entry, case when v_entry is not null then now() end,
      v_ends);
    if v_entry is not null and p_days is null then
      perform set_lifetime_v1(p_account);
    end if;
  exception
    -- Whatever was reserved is free again.
    when sqlstate 'AT001' then
      outcome := 'insufficient';
      select w.available into available from wallet w where w.account_id = p_account;
    when sqlstate 'AT002' then
      outcome := 'coupon_refused';
  end;
  if outcome is not null then
    order_id := null;
    perform drop_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key);
    return;
  end if;
  if p_idempotency_key is not null then
    update idempotency i set order_id = create_order_v3.order_id
    where i.account_id = p_account and i.scope = p_idempotency_scope and i.key = p_idempotency_key;
  end if;
  outcome := 'created';
end $$;

-- Closes an order that its gateway refused. Only the first attempt's refusal says that the order is not there; and a
-- refusal is never stored, so its key may buy again, with the coupon it had reserved.
create or replace function close_order_v1(p_order bigint) returns void language plpgsql as $$
begin
  update payment_order set state = 'closed', next_poll_at = null, updated_at = now()
  where id = p_order and state = 'created' and checkouts = 1;
  if found then
    perform free_promotions_v1(array[p_order]);
    delete from idempotency i using payment_order o
    where o.id = p_order and i.account_id = o.account_id and i.order_id = p_order;
  end if;
end $$;

-- The referral of an account that is in p_state, if any, and the wallets of both: the account's own, and that of
-- whoever invited it. Locked in the order of their numbers, so that two payers who invited each other, or one crowd,
-- never wait in a circle; and the account's own in any case, so that its payments and refunds happen one by one.
create or replace function lock_wallets_v1(p_account bigint, p_order bigint, p_state text) returns referral
language plpgsql as $$
declare
  v_referral referral;
begin
  select * into v_referral from referral
  where referred_id = p_account and state = p_state and (p_order is null or order_id = p_order) for update;
  perform from wallet where account_id in (p_account, v_referral.referrer_id)
  order by account_id for no key update;
  return v_referral;
end $$;

-- Adds what an order brought to the day's figures, or (p_sign is -1) takes it out of the day's on which it was paid.
-- Rows are taken by name, so that two of these never wait in a circle. Payments from a wallet bring no money.
create or replace function count_order_v1(p_order payment_order, p_sign int) returns void language plpgsql as $$
declare
  v_first timestamptz;
begin
  if p_order.channel_id is null then
    return;
  end if;
  if p_order.credits + p_order.bonus_credits > 0 then
    perform add_figure('credits_sold', p_sign * (p_order.credits + p_order.bonus_credits), p_order.paid_at);
  end if;
  if p_sign > 0 then
    insert into payer (account_id, first_paid_at) values (p_order.account_id, p_order.paid_at) on conflict do nothing
    returning first_paid_at into v_first;
  elsif not exists (select from payment_order where account_id = p_order.account_id and id <> p_order.id
      and state = 'paid' and channel_id is not null) then
    delete from payer where account_id = p_order.account_id returning first_paid_at into v_first;
  end if;
  if v_first is not null then
    perform add_figure('payers', p_sign, v_first);
  end if;
  perform add_figure('revenue_fen', p_sign * p_order.amount_fen, p_order.paid_at);
end $$;

-- Credits an order for a payment that has been verified in every respect but one: that it is the first. The
-- guarded update decides; the unique effect of the entry stands behind it. Channel and amount are compared here
-- once more, where nothing can come between. With it go all that the payment means: the coupon is used, a membership
-- extended, its vouchers given, whoever invited the payer rewarded, the day's figures kept.
-- An order whose price promised what another one has taken since it expired buys what its money buys at the list
-- price: then `reduced` is true.
-- outcome: 'credited', 'repeated' (had been credited), 'closed' (takes no payment any more), 'mismatch'.
create or replace function settle_order_v2(
  p_key bytea, p_order bigint, p_channel bigint, p_amount_fen bigint, p_currency text, p_gateway_trade text,
  p_settled_by text, p_referral_reward bigint, out outcome text, out reduced boolean)
language plpgsql as $$
declare
  v_order payment_order;
  v_referral referral;
  v_entry bigint;
  v_gift bigint;
begin
  reduced := false;
  select * into v_order from payment_order where id = p_order for update;
  if not found or v_order.channel_id is distinct from p_channel or v_order.amount_fen <> p_amount_fen
    or v_order.currency <> p_currency then
    outcome := 'mismatch';
    return;
  end if;
  if v_order.state in ('paid', 'refunding', 'refunded') then
    outcome := 'repeated';
    return;
  end if;
  if v_order.state not in ('created', 'open', 'expired') then
    outcome := 'closed';
    return;
  end if;
  if not use_promotions_v1(v_order) then
    reduced := true;
    v_order.bonus_credits := 0;
    v_order.credits := case when v_order.credits = 0 then 0
      else greatest(1, v_order.credits::numeric * v_order.amount_fen / v_order.list_fen)::bigint end;
    v_order.vouchers := v_order.vouchers * v_order.amount_fen / v_order.list_fen;
    -- Nothing is less than a membership for life, so that stays one.
    if v_order.days is not null then
      v_order.days := greatest(1, v_order.days * v_order.amount_fen / v_order.list_fen);
    end if;
  end if;
  v_referral := lock_wallets_v1(v_order.account_id, null, 'pending');
  if v_order.credits > 0 then
    v_entry := post_entry_v1(p_key, v_order.account_id, 'purchase', null, 'sales', 'available', v_order.credits,
      'order:' || p_order, null, v_order.trade_number, null, null, null);
  end if;
  if v_order.vouchers > 0 then
    perform post_vouchers_v1(v_order.account_id, v_order.vouchers, 'order:' || p_order, null, null);
  end if;
  if v_order.item = 'membership' and v_order.days is not null then
    v_order.membership_ends_at := extend_membership_v2(v_order.account_id, v_order.plan, v_order.level,
      make_interval(hours => 24 * v_order.days));
  end if;
  if v_order.bonus_credits > 0 then
    v_gift := post_entry_v1(p_key, v_order.account_id, 'gift', 'order', 'grants', 'available', v_order.bonus_credits,
      'order-bonus:' || p_order, null, v_order.trade_number, null, null, null);
    update participation set entry_id = v_gift
    where activity_id = v_order.activity_id and account_id = v_order.account_id;
  end if;
  if v_referral.id is not null then
    perform complete_referral_v1(p_key, v_referral, p_order, p_referral_reward);
  end if;
  update payment_order set state = 'paid', entry_id = v_entry, credits = v_order.credits,
    bonus_credits = v_order.bonus_credits, days = v_order.days, vouchers = v_order.vouchers,
    membership_ends_at = v_order.membership_ends_at,
    gateway_trade = p_gateway_trade, settled_by = p_settled_by, paid_at = now(), updated_at = now(), next_poll_at = null
  where id = p_order returning * into v_order;
  if v_order.item = 'membership' and v_order.days is null then
    perform set_lifetime_v1(v_order.account_id);
  end if;
  perform count_order_v1(v_order, 1);
  outcome := 'credited';
end $$;

-- Takes back what a paid order gave, before money is returned: its credits with what was added to them, its vouchers as
-- far as there are any left, the membership it bought as far as that is not over, the reward of whoever invited its
-- payer as far as that is not spent.
-- A membership that was paid from the wallet is paid back to it in the same step.
-- outcome: 'claimed', 'refunded' (nothing is left to do), 'not_refundable', 'insufficient' (already spent).
create or replace function claim_refund_v2(p_key bytea, p_order bigint, p_operator bigint) returns text
language plpgsql as $$
declare
  v_order payment_order;
  v_referral referral;
  v_entry bigint;
  v_paid bigint;
begin
  select * into v_order from payment_order where id = p_order and state = 'paid' for update;
  if not found then
    return 'not_refundable';
  end if;
  v_referral := lock_wallets_v1(v_order.account_id, p_order, 'completed');
  begin
    if v_order.credits > 0 then
      v_entry := post_entry_v1(p_key, v_order.account_id, 'purchase_refund', null, 'available', 'sales',
        v_order.credits, 'refund:' || p_order || ':' || coalesce(v_order.refund_entry_id, 0), null,
        v_order.trade_number, p_operator, null, null);
      if v_entry is null then
        raise exception 'too little credit' using errcode = 'AT001';
      end if;
    end if;
    if v_order.bonus_credits > 0 and post_entry_v1(p_key, v_order.account_id, 'gift_reversal', 'order', 'available',
        'adjustments', v_order.bonus_credits, 'order-bonus-refund:' || p_order || ':' || v_order.refunds, null,
        v_order.trade_number, p_operator, null, null) is null then
      raise exception 'too little credit' using errcode = 'AT001';
    end if;
  exception when sqlstate 'AT001' then
    return 'insufficient';
  end;
  if v_order.vouchers > 0 then
    select least(vouchers, v_order.vouchers) into v_order.vouchers_taken
    from wallet where account_id = v_order.account_id;
    if v_order.vouchers_taken > 0 then
      perform post_vouchers_v1(v_order.account_id, -v_order.vouchers_taken,
        'order-refund:' || p_order || ':' || v_order.refunds, null, p_operator);
    end if;
  end if;
  if v_order.item = 'membership' then
    if v_order.days is not null then
      v_order.membership_taken_us := extract(epoch from shorten_membership_v2(v_order.account_id, v_order.level,
        make_interval(hours => 24 * v_order.days))) * 1000000;
    end if;
    if v_order.channel_id is null then
      select amount into v_paid from entry where id = v_order.entry_id;
      v_entry := post_entry_v1(p_key, v_order.account_id, 'membership_refund', null, 'sales', 'available', v_paid,
        'refund:' || p_order, null, v_order.trade_number, p_operator, null, null);
    end if;
  end if;
  if v_referral.id is not null then
    perform reverse_referral_v1(p_key, v_referral, p_operator);
  end if;
  update payment_order set state = case when channel_id is null then 'refunded' else 'refunding' end,
    refunded_at = case when channel_id is null then now() end, refund_entry_id = coalesce(v_entry, refund_entry_id),
    refunds = refunds + 1, membership_taken_us = v_order.membership_taken_us,
    vouchers_taken = v_order.vouchers_taken, updated_at = now()
  where id = p_order;
  if v_order.item = 'membership' and v_order.days is null then
    perform set_lifetime_v1(v_order.account_id);
  end if;
  perform count_order_v1(v_order, -1);
  return case when v_order.channel_id is null then 'refunded' else 'claimed' end;
end $$;

-- Ends a refund: done, or known not to have been done, and then all that was taken comes back.
create or replace function end_refund_v2(p_key bytea, p_order bigint, p_is_done boolean) returns boolean
language plpgsql as $$
declare
  v_order payment_order;
  v_referral referral;
begin
  select * into v_order from payment_order where id = p_order and state = 'refunding' for update;
  if not found then
    return false;
  end if;
  if p_is_done then
    update payment_order set state = 'refunded', refunded_at = now(), updated_at = now() where id = p_order;
    return true;
  end if;
  v_referral := lock_wallets_v1(v_order.account_id, p_order, 'reversed');
  if v_order.credits > 0 then
    perform post_entry_v1(p_key, v_order.account_id, 'purchase_refund', null, 'sales', 'available', v_order.credits,
      'refund-undone:' || v_order.refund_entry_id, null, v_order.trade_number, null, null, null);
  end if;
  if v_order.vouchers_taken > 0 then
    perform post_vouchers_v1(v_order.account_id, v_order.vouchers_taken,
      'order-refund-undone:' || p_order || ':' || v_order.refunds, null, null);
  end if;
  if v_order.membership_taken_us > 0 then
    perform extend_membership_v2(v_order.account_id, v_order.plan, v_order.level,
      v_order.membership_taken_us * interval '1 microsecond');
  end if;
  if v_order.bonus_credits > 0 then
    perform post_entry_v1(p_key, v_order.account_id, 'gift', 'order', 'adjustments', 'available', v_order.bonus_credits,
      'order-bonus-undone:' || p_order || ':' || v_order.refunds, null, v_order.trade_number, null, null, null);
  end if;
  if v_referral.id is not null then
    perform restore_referral_v1(p_key, v_referral);
  end if;
  update payment_order set state = 'paid', membership_taken_us = null, vouchers_taken = null, updated_at = now()
  where id = p_order;
  if v_order.item = 'membership' and v_order.days is null then
    perform set_lifetime_v1(v_order.account_id);
  end if;
  perform count_order_v1(v_order, 1);
  return true;
end $$;

-- Takes orders whose time to be asked after has come and sets their next one: every 20 s for the first five
-- minutes, then ever more slowly, at expiry, and once more five minutes later. What an order had reserved is free
-- when it expires.
create or replace function claim_polls_v2(p_take int) returns setof payment_order language plpgsql as $$
declare
  v_order payment_order;
  v_expired bigint[] := '{}';
begin
  for v_order in
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
    returning o.*
  loop
    if v_order.state = 'expired' then
      v_expired := v_expired || v_order.id;
    end if;
    return next v_order;
  end loop;
  perform free_promotions_v1(v_expired);
end $$;
