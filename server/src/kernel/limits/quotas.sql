-- How much an account may make in a day and call in an hour. Days are those of UTC+8.

create or replace function quota_day_v1(p_at timestamptz) returns timestamptz language sql immutable as $$
  select (date_trunc('day', p_at at time zone 'UTC' + interval '8 hours') - interval '8 hours') at time zone 'UTC'
$$;

-- How much of today's quota an account has used: its tasks of the kind are the count, so nothing has to be kept beside
-- them. What failed by no fault of its owner's does not count; what was canceled, or refused for its content, does.
-- Walks back from the newest task and stops at yesterday's. Numbers are given a moment after the time of creation is,
-- so one that is a little out of order is not yet the end.
create or replace function quota_used_v1(p_account bigint, p_kind text) returns int language plpgsql stable as $$
declare
  v_day timestamptz := quota_day_v1(now());
  v_task record;
  v_used int := 0;
begin
  for v_task in
    select kind, state, failure, created_at from task where account_id = p_account order by id desc
  loop
    exit when v_task.created_at < v_day - interval '10 minutes';
    if v_task.kind = p_kind and v_task.created_at >= v_day and v_task.created_at < v_day + interval '1 day'
      and not (v_task.state = 'failed' and v_task.failure in ('unavailable', 'deadline', 'unknown')) then
      v_used := v_used + 1;
    end if;
  end loop;
  return v_used;
end $$;

-- An account's own number: a member's while its membership runs, and for administrators.
create or replace function quota_limit_v1(p_account bigint, p_users_most int, p_members_most int) returns int
language sql stable as $$
  select case when is_member_v1(p_account)
      or exists (select from account where id = p_account and role = 'admin')
    then p_members_most else p_users_most end
$$;

create or replace function quota_wait_v1() returns int language sql volatile as $$
  select greatest(1, ceil(extract(epoch from quota_day_v1(now()) + interval '1 day' - clock_timestamp())))::int
$$;

-- Submits a task as submit_task_v4 does, unless the account has made as many of the kind today as it may: then the
-- outcome is 'quota_spent', with the limit and the seconds until it may again. The account's row is locked first and
-- counted after, so that a hundred submissions at once are still counted one by one. A key that was used before
-- makes nothing new and is answered all the same.
create or replace function submit_within_quota_v2(
  p_key bytea, p_account bigint, p_handle text, p_kind text, p_model bigint, p_model_states text[],
  p_price_subject text, p_price_version int, p_cost bigint, p_free_reason text, p_input jsonb, p_parameters json,
  p_state text, p_time_allowed interval, p_max_attempts int, p_idempotency_scope text, p_idempotency_key text,
  p_body_hash bytea, p_ip text, p_device text, p_members_free boolean, p_explanation jsonb, p_users_most int,
  p_members_most int,
  out outcome text, out task_id bigint, out available bigint, out was_member boolean,
  out quota_limit int, out wait_seconds int)
language plpgsql as $$
declare
  v_is_spent boolean;
begin
  perform from account where id = p_account for no key update;
  quota_limit := quota_limit_v1(p_account, p_users_most, p_members_most);
  v_is_spent := quota_used_v1(p_account, p_kind) >= quota_limit;
  if v_is_spent and not exists (
    select from idempotency i
    where i.account_id = p_account and i.scope = p_idempotency_scope and i.key = p_idempotency_key) then
    outcome := 'quota_spent';
    wait_seconds := quota_wait_v1();
    return;
  end if;
  select s.outcome, s.task_id, s.available, s.was_member into outcome, task_id, available, was_member
  from submit_task_v4(p_key, p_account, p_handle, p_kind, p_model, p_model_states, p_price_subject, p_price_version,
    p_cost, p_free_reason, p_input, p_parameters, p_state, p_time_allowed, p_max_attempts, p_idempotency_scope,
    p_idempotency_key, p_body_hash, p_ip, p_device, p_members_free, p_explanation) s;
  if v_is_spent and outcome = 'submitted' then
    raise exception 'a key of account % was known and is not', p_account using errcode = 'assert_failure';
  end if;
end $$;

-- For a process of a version that knows fixed prices alone, beside this one.
create or replace function submit_within_quota_v1(
  p_key bytea, p_account bigint, p_handle text, p_kind text, p_model bigint, p_model_states text[],
  p_price_subject text, p_price_version int, p_cost bigint, p_free_reason text, p_input jsonb, p_parameters json,
  p_state text, p_time_allowed interval, p_max_attempts int, p_idempotency_scope text, p_idempotency_key text,
  p_body_hash bytea, p_ip text, p_device text, p_members_free boolean, p_users_most int, p_members_most int,
  out outcome text, out task_id bigint, out available bigint, out was_member boolean,
  out quota_limit int, out wait_seconds int)
language sql as $$
  select outcome, task_id, available, was_member, quota_limit, wait_seconds from submit_within_quota_v2(p_key, p_account,
    p_handle, p_kind, p_model, p_model_states, p_price_subject, p_price_version, p_cost, p_free_reason, p_input,
    p_parameters, p_state, p_time_allowed, p_max_attempts, p_idempotency_scope, p_idempotency_key, p_body_hash, p_ip,
    p_device, p_members_free, null, p_users_most, p_members_most)
$$;

-- Adds what a process has counted since it last said so. Returns what has been counted by all of them; an hour that is
-- over for another process is over.
create or replace function count_calls_v1(p_accounts bigint[], p_hours timestamptz[], p_calls int[])
returns table (account_id bigint, hour timestamptz, calls int) language sql as $$
  insert into call_count as c (account_id, hour, calls)
  -- In one order, so that two processes never wait for each other.
  select * from unnest(p_accounts, p_hours, p_calls) as counted (account_id, hour, calls) order by account_id
  on conflict (account_id) do update set
    calls = case when excluded.hour > c.hour then excluded.calls
      when excluded.hour = c.hour then c.calls + excluded.calls else c.calls end,
    hour = greatest(c.hour, excluded.hour)
  returning c.account_id, c.hour, c.calls
$$;

-- Adds what a process has counted and then one call more, if that is still within the limit.
create or replace function take_call_v1(
  p_account bigint, p_hour timestamptz, p_counted int, p_most int, out calls int, out taken boolean)
language plpgsql as $$
begin
  select c.calls into calls from count_calls_v1(array[p_account], array[p_hour], array[p_counted]) c;
  update call_count c set calls = c.calls + 1
  where c.account_id = p_account and (c.calls < p_most or c.hour > p_hour) returning c.calls into calls;
  taken := found;
  if not taken then
    select c.calls into calls from call_count c where c.account_id = p_account;
  end if;
end $$;
