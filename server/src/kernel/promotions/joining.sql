-- What an account takes of a promotion by itself: a coupon, or an activity's gift. Each counts its number in one
-- guarded statement; of many at once exactly as many succeed as there is room for.

-- outcome: 'claimed', 'missing', 'disabled', 'not_begun', 'ended', 'exhausted', 'claimed_before'.
create or replace function claim_coupon_v1(
  p_coupon bigint, p_account bigint, out outcome text, out claim_id bigint)
language plpgsql as $$
declare
  v_coupon coupon;
begin
  -- The unique index decides between two claims of one account; the update below between two accounts.
  insert into coupon_claim (coupon_id, account_id) select id, p_account from coupon where id = p_coupon
  on conflict do nothing returning id into claim_id;
  if claim_id is null then
    outcome := case when exists (select from coupon where id = p_coupon) then 'claimed_before' else 'missing' end;
    return;
  end if;
  update coupon set claims = claims + 1
  where id = p_coupon and state = 'active' and valid_from <= now() and valid_until > now()
    and (most_claims is null or claims < most_claims);
  if found then
    outcome := 'claimed';
    return;
  end if;
  delete from coupon_claim where id = claim_id;
  claim_id := null;
  select * into v_coupon from coupon where id = p_coupon;
  outcome := case
    when v_coupon.state <> 'active' then 'disabled'
    when v_coupon.valid_from > now() then 'not_begun'
    when v_coupon.valid_until <= now() then 'ended'
    else 'exhausted' end;
end $$;

-- Gives an account the credits of an activity once, within its window, number and budget.
-- outcome: 'joined', 'missing', 'not_joinable', 'disabled', 'not_begun', 'ended', 'full', 'spent', 'joined_before'.
create or replace function accept_gift_v1(
  p_key bytea, p_activity bigint, p_account bigint, p_ip text, p_device text,
  out outcome text, out participation_id bigint, out credits bigint)
language plpgsql as $$
declare
  v_activity activity;
  v_entry bigint;
begin
  select * into v_activity from activity where id = p_activity;
  outcome := case
    when not found then 'missing'
    when v_activity.type <> 'credit_gift' then 'not_joinable'
    when exists (select from participation p where p.activity_id = p_activity and p.account_id = p_account)
      then 'joined_before' end;
  if outcome is not null then
    return;
  end if;
  insert into participation (activity_id, account_id, credits)
  values (p_activity, p_account, v_activity.credits) on conflict do nothing returning id into participation_id;
  if participation_id is null then
    outcome := 'joined_before';
    return;
  end if;
  update activity a set participants = a.participants + 1, given = a.given + a.credits
  where a.id = p_activity and a.state = 'active' and a.starts_at <= now() and a.ends_at > now()
    and (a.most_participants is null or a.participants < a.most_participants)
    and (a.budget is null or a.given + a.credits <= a.budget)
  returning a.credits into credits;
  if not found then
    delete from participation where id = participation_id;
    participation_id := null;
    select * into v_activity from activity where id = p_activity;
    outcome := case
      when v_activity.state <> 'active' then 'disabled'
      when v_activity.starts_at > now() then 'not_begun'
      when v_activity.ends_at <= now() then 'ended'
      when v_activity.participants >= v_activity.most_participants then 'full'
      else 'spent' end;
    return;
  end if;
  v_entry := post_entry_v1(p_key, p_account, 'gift', null, 'grants', 'available', credits,
    'activity:' || p_activity || ':' || p_account, null, v_activity.name, null, p_ip, p_device);
  update participation set entry_id = v_entry where id = participation_id;
  outcome := 'joined';
end $$;
