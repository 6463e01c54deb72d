-- What operators do to accounts: each change is one statement that decides and acts.

-- Whether an account is the last active administrator. Taken under one lock, so that of two administrators who
-- demote each other the second finds itself, or the other, alone.
create or replace function is_last_administrator_v1(p_account bigint) returns boolean language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7143805);
  return exists (select from account where id = p_account and role = 'admin' and state = 'active')
    and not exists (select from account where id <> p_account and role = 'admin' and state = 'active');
end $$;

-- Changes what is not null of an account. p_version is the version that the change is based on, p_read_at the
-- updated_at that the operator's screen showed; either may be null. Sessions end when password, role or state
-- really change, except p_session.
-- outcome: 'updated', 'missing', 'conflict', 'forbidden' (the operator is none any more), 'own',
-- 'last_administrator', 'limit_drawn'. A taken name raises unique_violation on one_account_per_username.
create or replace function update_account_v1(
  p_operator bigint, p_account bigint, p_version int, p_read_at timestamptz, p_session uuid, p_username text,
  p_password_hash text, p_role text, p_state text, p_credit_limit bigint) returns text
language plpgsql as $$
declare
  v_account account;
  v_loses_power boolean;
  v_ends_sessions boolean;
begin
  -- Before the row's own lock, so that two of these never wait for each other.
  if p_role = 'user' or p_state = 'disabled' then
    perform pg_advisory_xact_lock(7143805);
  end if;
  select * into v_account from account where id = p_account and state <> 'closed' for no key update;
  if not found then
    return 'missing';
  end if;
  if v_account.version <> coalesce(p_version, v_account.version)
    or date_trunc('milliseconds', v_account.updated_at)
      <> coalesce(date_trunc('milliseconds', p_read_at), date_trunc('milliseconds', v_account.updated_at)) then
    return 'conflict';
  end if;
  v_loses_power := v_account.role = 'admin' and v_account.state = 'active'
    and (coalesce(p_role, 'admin') <> 'admin' or coalesce(p_state, 'active') <> 'active');
  if p_account = p_operator and (v_loses_power or p_state = 'disabled') then
    return 'own';
  end if;
  if v_loses_power and is_last_administrator_v1(p_account) then
    return 'last_administrator';
  end if;
  if p_operator is not null and not exists (
    select from account where id = p_operator and role = 'admin' and state = 'active') then
    return 'forbidden';
  end if;
  if p_credit_limit is not null then
    update wallet set credit_limit = p_credit_limit
    where account_id = p_account and available + p_credit_limit >= 0;
    if not found then
      return 'limit_drawn';
    end if;
  end if;
  v_ends_sessions := p_password_hash is not null or coalesce(p_role, v_account.role) <> v_account.role
    or coalesce(p_state, v_account.state) <> v_account.state;
  update account set
    username = coalesce(p_username, username),
    password_hash = coalesce(p_password_hash, password_hash),
    role = coalesce(p_role, role),
    state = coalesce(p_state, state),
    activated_at = case when p_state = 'active' and state <> 'active' then now() else activated_at end,
    deactivated_at = case when p_state = 'active' then null when p_state = 'disabled' and state = 'active' then now()
      else deactivated_at end,
    session_version = session_version + v_ends_sessions::int,
    version = version + 1,
    -- Clients read it to the millisecond, and two changes must differ.
    updated_at = greatest(now(), updated_at + interval '1 millisecond')
  where id = p_account;
  if v_ends_sessions then
    update session s set version = a.session_version from account a
    where s.id = p_session and s.account_id = p_account and a.id = p_account and s.version = v_account.session_version;
  end if;
  return 'updated';
end $$;

-- Closes an account for good: what it has running is ended and paid back first, then nobody can log in to it.
-- Its ledger, orders and tasks stay.
-- outcome: 'closed', 'missing', 'own', 'last_administrator', 'forbidden'; `ended` are the tasks.
create or replace function close_account_v1(
  p_key bytea, p_operator bigint, p_account bigint, out outcome text, out ended bigint[])
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7143805);
  perform from account where id = p_account and state <> 'closed' for no key update;
  if not found then
    outcome := 'missing';
  elsif p_account = p_operator then
    outcome := 'own';
  elsif is_last_administrator_v1(p_account) then
    outcome := 'last_administrator';
  elsif p_operator is not null and not exists (
    select from account where id = p_operator and role = 'admin' and state = 'active') then
    outcome := 'forbidden';
  else
    ended := end_tasks_of_account_v1(p_key, p_account);
    update account set state = 'closed', deactivated_at = coalesce(deactivated_at, now()), version = version + 1,
      session_version = session_version + 1, updated_at = greatest(now(), updated_at + interval '1 millisecond')
    where id = p_account;
    -- Nobody needs its credentials at platforms any more.
    update platform_binding set state = 'broken', sealed = '', version = version + 1, updated_at = now()
    where account_id = p_account;
    outcome := 'closed';
  end if;
end $$;

-- Ends every open task of an account and gives its hold back.
create or replace function end_tasks_of_account_v1(p_key bytea, p_account bigint) returns bigint[]
language plpgsql as $$
begin
  return coalesce((
    select array_agg(id) from end_tasks_v1(p_key,
      (select array_agg(t.id) from task t
       where t.account_id = p_account and t.state not in ('succeeded', 'failed', 'canceled')),
      p_account, array['awaiting_approval', 'queued', 'running', 'unknown'], 'canceled', null) as id), '{}');
end $$;
