-- Memberships grow by what is bought and shrink by what is paid back, each in the statement that moves the money.
--
-- There are two levels. Time of the higher one is used up first and the lower one's waits behind it, so whoever buys the
-- lower plan while the higher runs loses nothing of either, and whoever buys the higher one has it at once: `high_until`
-- is where the higher level ends, `ends_at` where all ends. A membership for life stands beside both.

-- Whether an account is a member now; one for life has no end.
create or replace function is_member_v1(p_account bigint) returns boolean language sql stable as $$
  select exists (select from membership
    where account_id = p_account and (ends_at > now() or lifetime_level is not null))
$$;

-- Adds time of a level to a membership: to what is left of that level, or from now on where it has lapsed or never was.
-- Renewals that arrive at once each add theirs. Returns when it ends.
create or replace function extend_membership_v2(p_account bigint, p_plan text, p_level int, p_time interval)
returns timestamptz language plpgsql as $$
declare
  v_ends timestamptz;
begin
  insert into membership as m (account_id, plan, started_at, ends_at, high_until)
  values (p_account, p_plan, now(), now() + p_time, case when p_level = 2 then now() + p_time end)
  on conflict (account_id) do update set
    -- The plan that runs is the one of the higher level.
    plan = case when m.lifetime_level is not null or (p_level = 1 and m.high_until > now()) then m.plan
      else p_plan end,
    started_at = case when m.ends_at > now() or m.lifetime_level is not null then m.started_at else now() end,
    ends_at = greatest(m.ends_at, now()) + p_time,
    high_until = case when p_level = 2 then greatest(m.high_until, now()) + p_time else m.high_until end,
    updated_at = now()
  returning ends_at into v_ends;
  return v_ends;
end $$;

-- Takes time of a level off a membership, as far as there is any left of it: it never ends before now. Returns what was
-- taken.
create or replace function shorten_membership_v2(p_account bigint, p_level int, p_time interval) returns interval
language plpgsql as $$
declare
  v_member membership;
  v_from timestamptz;
  v_until timestamptz;
  v_taken interval;
begin
  select * into v_member from membership where account_id = p_account for update;
  v_from := case when p_level = 2 then now() else greatest(v_member.high_until, now()) end;
  v_until := case when p_level = 2 then v_member.high_until else v_member.ends_at end;
  if v_until is null or v_until <= v_from then
    return interval '0';
  end if;
  v_taken := least(p_time, make_interval(secs => extract(epoch from v_until - v_from)::float8));
  -- The clock of a transaction that began earlier may be behind the membership's own beginning.
  update membership set
    ends_at = greatest(started_at, ends_at - v_taken),
    -- LEAST passes over a null, and without the higher level there is none.
    high_until = case when high_until is not null then
      least(case p_level when 2 then high_until - v_taken else high_until end,
        greatest(started_at, ends_at - v_taken)) end,
    updated_at = now()
  where account_id = p_account;
  return v_taken;
end $$;

-- Makes an account a member for life, or no longer one, as its paid orders say: two of them are worth no more than one,
-- and when one is paid back the other still counts. To be called after an order for life was paid or paid back, by
-- whoever has locked the wallet.
create or replace function set_lifetime_v1(p_account bigint) returns void language plpgsql as $$
declare
  v_order payment_order;
begin
  select * into v_order from payment_order
  where account_id = p_account and item = 'membership' and days is null and state = 'paid'
  order by level desc, id limit 1;
  if v_order.id is null then
    update membership set lifetime_level = null, updated_at = now() where account_id = p_account;
    return;
  end if;
  insert into membership as m (account_id, plan, started_at, ends_at, lifetime_level)
  values (p_account, v_order.plan, now(), now(), v_order.level)
  on conflict (account_id) do update set
    plan = v_order.plan,
    started_at = case when m.ends_at > now() or m.lifetime_level is not null then m.started_at else now() end,
    -- What begins now does not end before.
    ends_at = case when m.ends_at > now() or m.lifetime_level is not null then m.ends_at else now() end,
    lifetime_level = v_order.level,
    updated_at = now();
end $$;
