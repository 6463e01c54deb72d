-- Memberships grow by what is bought and shrink by what is paid back, each in the statement that moves the money.

-- Adds days to a membership: to what is left of it, or from now on where it has lapsed or never was. Renewals that
-- arrive at once each add theirs. Returns when it ends.
create or replace function extend_membership_v1(p_account bigint, p_plan text, p_time interval) returns timestamptz
language plpgsql as $$
declare
  v_ends timestamptz;
begin
  insert into membership as m (account_id, plan, started_at, ends_at)
  values (p_account, p_plan, now(), now() + p_time)
  on conflict (account_id) do update set
    plan = p_plan,
    started_at = case when m.ends_at > now() then m.started_at else now() end,
    ends_at = greatest(m.ends_at, now()) + p_time,
    updated_at = now()
  returning ends_at into v_ends;
  return v_ends;
end $$;

-- Takes time off a membership, as far as there is any left: it never ends before now. Returns what was taken.
create or replace function shorten_membership_v1(p_account bigint, p_time interval) returns interval
language plpgsql as $$
declare
  v_ends timestamptz;
  v_taken interval;
begin
  select ends_at into v_ends from membership where account_id = p_account for update;
  if not found or v_ends <= now() then
    return interval '0';
  end if;
  v_taken := least(p_time, make_interval(secs => extract(epoch from v_ends - now())::float8));
  -- The clock of a transaction that began earlier may be behind the membership's own beginning.
  update membership set ends_at = greatest(started_at, ends_at - v_taken), updated_at = now()
  where account_id = p_account;
  return v_taken;
end $$;
