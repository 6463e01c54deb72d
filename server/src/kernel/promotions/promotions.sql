-- What promotions do in orders: a price is taken with everything it promises, in the statement that opens the order;
-- what an order had reserved is free again when that expires or closes.

-- Reserves a coupon for an order. One that the account has not claimed yet is claimed in the same step, so the last
-- claim goes to one order. Takes nothing when it answers a problem.
create or replace function take_coupon_v1(
  p_account bigint, p_code text, p_order bigint, p_item text, p_list_fen bigint,
  out problem text, out claim_id bigint, out amount_fen bigint, out bonus bigint)
language plpgsql as $$
declare
  v_coupon coupon;
  v_claim coupon_claim;
begin
  amount_fen := p_list_fen;
  bonus := 0;
  select * into v_coupon from coupon where upper(code) = upper(p_code);
  problem := case
    when not found then 'unknown'
    when v_coupon.state <> 'active' then 'disabled'
    when v_coupon.valid_from > now() then 'not_begun'
    when v_coupon.valid_until <= now() then 'ended'
    when v_coupon.type = 'credits' and p_item <> 'credits' then 'unfit'
    when p_list_fen < v_coupon.least_fen then 'below_minimum' end;
  if problem is not null then
    return;
  end if;
  -- The claim first and then the coupon's number, as whoever only claims takes them.
  insert into coupon_claim (coupon_id, account_id) values (v_coupon.id, p_account) on conflict do nothing
  returning * into v_claim;
  if found then
    update coupon set claims = claims + 1
    where id = v_coupon.id and state = 'active' and valid_until > now()
      and (most_claims is null or claims < most_claims);
    if not found then
      delete from coupon_claim where id = v_claim.id;
      problem := 'exhausted';
      return;
    end if;
  else
    select * into v_claim from coupon_claim c
    where c.coupon_id = v_coupon.id and c.account_id = p_account for update;
  end if;
  update coupon_claim c set state = 'reserved', order_id = p_order where c.id = v_claim.id and c.state = 'unused';
  if not found then
    problem := v_claim.state;
    return;
  end if;
  claim_id := v_claim.id;
  case v_coupon.type
    when 'percent' then amount_fen := greatest(1, p_list_fen - p_list_fen * v_coupon.value / 10000);
    when 'amount' then amount_fen := greatest(1, p_list_fen - v_coupon.value);
    else bonus := v_coupon.value;
  end case;
end $$;

-- Gives an order the activity that makes it cheapest for its payer, of those that work by themselves and have room;
-- of two that make it equally cheap the one that adds more credits. Each works once for an account.
create or replace function take_activity_v1(
  p_account bigint, p_order bigint, p_item text, p_list_fen bigint, p_from_wallet boolean,
  out activity_id bigint, out amount_fen bigint, out bonus bigint)
language plpgsql as $$
declare
  v_best record;
begin
  for v_best in
    select a.id, greatest(1, p_list_fen - p_list_fen * coalesce(a.percent, 0) / 10000) as amount,
      case a.type when 'first_purchase' then coalesce(a.credits, 0) else 0 end as more
    from activity a
    where a.state = 'active' and a.starts_at <= now() and a.ends_at > now()
      and case a.type
        when 'membership_discount' then p_item = 'membership' and a.percent is not null
        -- A wallet's own credits are no purchase, and an unpaid first one is still the first.
        when 'first_purchase' then not p_from_wallet and not exists (select from payer where account_id = p_account)
          and not exists (
            select from payment_order o join activity other on other.id = o.activity_id
            where o.account_id = p_account and o.state in ('created', 'open') and other.type = 'first_purchase')
        else false end
      and not exists (select from participation p where p.activity_id = a.id and p.account_id = p_account)
    order by amount, more desc, a.id
  loop
    if join_activity_v1(v_best.id, p_account, p_order, v_best.more) then
      activity_id := v_best.id;
      amount_fen := v_best.amount;
      bonus := v_best.more;
      return;
    end if;
  end loop;
  amount_fen := p_list_fen;
  bonus := 0;
end $$;

-- Takes an account's place in an activity, and p_credits of its budget, where there is one left. Returns whether.
create or replace function join_activity_v1(p_activity bigint, p_account bigint, p_order bigint, p_credits bigint)
returns boolean language plpgsql as $$
begin
  update activity set participants = participants + 1, given = given + p_credits
  where id = p_activity and state = 'active' and (most_participants is null or participants < most_participants)
    and (budget is null or given + p_credits <= budget);
  if not found then
    return false;
  end if;
  insert into participation (activity_id, account_id, order_id, credits)
  values (p_activity, p_account, p_order, p_credits) on conflict do nothing;
  if not found then
    update activity set participants = participants - 1, given = given - p_credits where id = p_activity;
    return false;
  end if;
  return true;
end $$;

-- Frees what unpaid orders had reserved: their coupons, and their places in activities. Safe to repeat.
create or replace function free_promotions_v1(p_orders bigint[]) returns void language plpgsql as $$
declare
  v_activity record;
begin
  update coupon_claim c set state = 'unused', order_id = null from payment_order o
  where o.id = any (p_orders) and c.id = o.claim_id and c.state = 'reserved' and c.order_id = o.id;
  -- In one order for all, so that two of these never wait for each other.
  for v_activity in
    select p.activity_id as id, count(*) as places, sum(p.credits) as credits
    from payment_order o
    join participation p on p.activity_id = o.activity_id and p.account_id = o.account_id and p.order_id = o.id
    where o.id = any (p_orders) group by 1 order by 1
  loop
    update activity set participants = participants - v_activity.places, given = given - v_activity.credits
    where id = v_activity.id;
  end loop;
  delete from participation p using payment_order o
  where o.id = any (p_orders) and p.activity_id = o.activity_id and p.account_id = o.account_id and p.order_id = o.id;
end $$;

-- Whether what an order's price promised still holds when it is paid: its coupon is used now, its place in an
-- activity is its own. An order that is paid after it expired takes both again where they are free.
create or replace function use_promotions_v1(p_order payment_order) returns boolean language plpgsql as $$
begin
  if p_order.claim_id is not null then
    update coupon_claim set state = 'used', order_id = p_order.id, used_at = now()
    where id = p_order.claim_id and (state = 'unused' or (state = 'reserved' and order_id = p_order.id));
    return found;
  end if;
  if p_order.activity_id is null or exists (
    select from participation
    where activity_id = p_order.activity_id and account_id = p_order.account_id and order_id = p_order.id) then
    return true;
  end if;
  if exists (select from payer where account_id = p_order.account_id)
    and exists (select from activity where id = p_order.activity_id and type = 'first_purchase') then
    return false;
  end if;
  return join_activity_v1(p_order.activity_id, p_order.account_id, p_order.id, p_order.bonus_credits);
end $$;

-- Rewards whoever invited an account, when that first pays: p_reward, and what activities add to it as far as their
-- budgets go. The caller has locked the referral and both wallets.
create or replace function complete_referral_v1(p_key bytea, p_referral referral, p_order bigint, p_reward bigint)
returns void language plpgsql as $$
declare
  v_credits bigint := p_reward;
  v_entry bigint;
  v_joined bigint[] := '{}';
  v_activity record;
begin
  -- Nobody can spend it there.
  if exists (select from account where id = p_referral.referrer_id and state = 'closed') then
    v_credits := 0;
  else
    for v_activity in
      select id, credits from activity
      where type = 'referral_bonus' and credits is not null and state = 'active' and starts_at <= now() and ends_at > now()
      order by id
    loop
      if join_activity_v1(v_activity.id, p_referral.referred_id, p_order, v_activity.credits) then
        v_credits := v_credits + v_activity.credits;
        v_joined := v_joined || v_activity.id;
      end if;
    end loop;
  end if;
  if v_credits > 0 then
    v_entry := post_entry_v1(p_key, p_referral.referrer_id, 'gift', 'referral', 'grants', 'available', v_credits,
      'referral:' || p_referral.id, null, null, null, null, null);
  end if;
  update referral set state = 'completed', credits = v_credits, order_id = p_order, entry_id = v_entry,
    completed_at = now()
  where id = p_referral.id;
end $$;

-- Takes a reward back, as far as the referrer's ledger allows; the rest is written off, on record. The caller has
-- locked the referral and both wallets.
create or replace function reverse_referral_v1(p_key bytea, p_referral referral, p_operator bigint) returns void
language plpgsql as $$
declare
  v_taken bigint;
  v_entry bigint;
begin
  select least(p_referral.credits, greatest(0, available + credit_limit)) into v_taken
  from wallet where account_id = p_referral.referrer_id;
  if v_taken > 0 then
    v_entry := post_entry_v1(p_key, p_referral.referrer_id, 'gift_reversal', 'referral', 'available', 'adjustments',
      v_taken, 'referral-reversed:' || p_referral.id || ':' || coalesce(p_referral.reversal_id, 0), null, null,
      p_operator, null, null);
  end if;
  update referral set state = 'reversed', reversal_id = coalesce(v_entry, reversal_id),
    written_off = p_referral.credits - v_taken
  where id = p_referral.id;
end $$;

-- Gives again what was taken back when the refund it was for is undone.
create or replace function restore_referral_v1(p_key bytea, p_referral referral) returns void language plpgsql as $$
begin
  if p_referral.credits > p_referral.written_off then
    perform post_entry_v1(p_key, p_referral.referrer_id, 'gift', 'referral', 'adjustments', 'available',
      p_referral.credits - p_referral.written_off, 'referral-restored:' || p_referral.reversal_id, null, null, null,
      null, null);
  end if;
  update referral set state = 'completed', written_off = 0 where id = p_referral.id;
end $$;
