-- Through which channel an attempt is sent, and what becomes of a task that no channel would have or that is in doubt.
-- Every write of a worker is fenced by the generation of its claim.

-- As claim_tasks_v1, leaving alone what waits for a model whose channels are known to be full or closed (p_skip): it
-- keeps its place in the queue, and does not keep those behind it waiting.
create or replace function claim_tasks_v2(p_worker text, p_take int, p_lease interval, p_skip bigint[])
returns setof task
language plpgsql as $$
declare
  v_due bigint[];
  v_waiting bigint[];
begin
  select array_agg(id) into v_due from (
    select id from (
      select * from (
        select id, due_at from task where state = 'running' and operation is null and due_at <= now()
        order by due_at limit p_take for update skip locked) lapsed
      union all
      select * from (
        select id, due_at from task where state = 'running' and operation is not null and due_at <= now()
        order by due_at limit p_take for update skip locked) asked) either_way
    order by due_at limit p_take) due;
  if p_take > coalesce(cardinality(v_due), 0) then
    select array_agg(id) into v_waiting from (
      select id from task where state = 'queued' and due_at <= now() and model_id <> all (p_skip)
      order by turn limit p_take - coalesce(cardinality(v_due), 0) for update skip locked) waiting;
  end if;
  if v_due is null and v_waiting is null then
    return;
  end if;
  if v_waiting is not null then
    update queue_clock set turn = greatest(turn, (select max(turn) from task where id = any (v_waiting)));
  end if;
  return query
    with opened as (
      insert into attempt (task_id, generation, state)
      select id, generation + 1, 'started' from task where id = any (v_waiting)
      returning id, task_id, started_at)
    update task t set
      state = 'running', worker = p_worker, generation = t.generation + 1, due_at = now() + p_lease,
      attempts = t.attempts + case when o.id is null then 0 else 1 end,
      attempt_id = coalesce(o.id, t.attempt_id), attempt_at = coalesce(o.started_at, t.attempt_at),
      attempt_generation = case when o.id is null then t.attempt_generation else t.generation + 1 end,
      updated_at = now()
    from unnest(v_due || v_waiting) as claimed (id) left join opened o on o.task_id = claimed.id
    where t.id = claimed.id
    returning t.*;
end $$;

-- Puts on record that the task's attempt goes out through a channel, with a credential, if there is room: p_jobs under way
-- and p_starts a minute with that credential (null: not limited), of which p_jobs_elsewhere and p_starts_elsewhere are
-- taken by other sites; and what the channel itself may take.
-- outcome: 'sent'; 'full', with the milliseconds until a start may be free where that is known; 'stale' when the claim is.
-- A minute has a second more here: calls take a different time each on their way.
create or replace function send_attempt_v1(
  p_task bigint, p_generation int, p_channel bigint, p_credential text, p_jobs int, p_starts int,
  p_jobs_elsewhere int, p_starts_elsewhere int,
  out outcome text, out wait_ms float8, out under_way int, out counted_at float8)
language plpgsql as $$
declare
  v_channel channel;
  v_task task;
  v_freed timestamptz;
begin
  select * into v_channel from channel where id = p_channel;
  if p_jobs is not null or p_starts is not null
      or v_channel.most_jobs is not null or v_channel.starts_per_minute is not null then
    -- Whoever counts is alone until what he counted is on record. A channel belongs to one credential.
    perform pg_advisory_xact_lock(7143827, hashtext(p_credential));
    select count(*) into under_way from attempt
    where credential = p_credential and sent_at is not null and ended_at is null;
    if under_way + p_jobs_elsewhere >= p_jobs or v_channel.most_jobs <= (
        select count(*) from attempt where channel_id = p_channel and credential = p_credential
          and sent_at is not null and ended_at is null) then
      outcome := 'full';
      return;
    end if;
    if p_starts is not null then
      v_freed := start_freed_v1(p_credential, null, p_starts - p_starts_elsewhere);
    end if;
    if v_channel.starts_per_minute is not null then
      v_freed := greatest(v_freed, start_freed_v1(p_credential, p_channel, v_channel.starts_per_minute));
    end if;
    if v_freed > clock_timestamp() then
      outcome := 'full';
      wait_ms := extract(epoch from v_freed - clock_timestamp()) * 1000;
      return;
    end if;
  end if;
  select * into v_task from task where id = p_task and generation = p_generation and state = 'running' for share;
  if not found then
    outcome := 'stale';
    return;
  end if;
  update attempt set channel_id = p_channel, credential = p_credential, sent_at = clock_timestamp()
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  under_way := under_way + 1;
  counted_at := extract(epoch from clock_timestamp()) * 1000;
  outcome := 'sent';
end $$;

-- How many jobs are under way with each credential, and when that was so: behind the lock of whoever sends, so that of two
-- counts the later one is the truer.
create or replace function count_under_way_v1(p_credentials text[])
returns table (credential text, jobs int, counted_at float8)
language plpgsql as $$
declare
  v_credential text;
begin
  foreach v_credential in array p_credentials loop
    perform pg_advisory_xact_lock(7143827, hashtext(v_credential));
    return query select v_credential, count(*)::int, (extract(epoch from clock_timestamp()) * 1000)::float8
      from attempt a where a.credential = v_credential and a.sent_at is not null and a.ended_at is null;
  end loop;
end $$;

-- When one of p_most starts a minute is free again; the past when one is. Of one channel, or of all with p_channel null.
create or replace function start_freed_v1(p_credential text, p_channel bigint, p_most int) returns timestamptz
language sql stable as $$
  select case when p_most < 1 then clock_timestamp() + interval '1 second' else (
    select sent_at + interval '61 seconds' from attempt
    where credential = p_credential and (p_channel is null or channel_id = p_channel)
      and sent_at > clock_timestamp() - interval '61 seconds' and started_at > now() - interval '1 day'
    order by sent_at desc offset p_most - 1 limit 1) end
$$;

-- Puts a task back whose attempt was not sent, since no channel had room: it was no attempt, and nothing is kept of it.
create or replace function put_back_task_v1(p_task bigint, p_generation int, p_after interval) returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  select * into v_task from task where id = p_task and generation = p_generation and state = 'running' for update;
  if not found then
    return false;
  end if;
  delete from attempt where id = v_task.attempt_id and started_at = v_task.attempt_at and sent_at is null;
  if not found then
    return false;
  end if;
  update task set state = 'queued', worker = null, due_at = now() + p_after, attempts = greatest(0, attempts - 1),
    attempt_id = null, attempt_at = null, attempt_generation = null, updated_at = now()
  where id = p_task;
  return true;
end $$;

-- Puts a task back into the queue after an attempt that is known not to have been done. p_counts says whether it was one
-- of those that the task has, p_refused_by which channel would not have it.
create or replace function requeue_task_v2(
  p_task bigint, p_generation int, p_attempt_state text, p_error text, p_after interval, p_counts boolean,
  p_refused_by bigint) returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  update task set state = 'queued', worker = null, due_at = now() + p_after, operation = null,
    remote_id = null, updated_at = now(), attempts = greatest(0, attempts - case when p_counts then 0 else 1 end),
    refused_by = case when p_refused_by is null or p_refused_by = any (refused_by) then refused_by
      else refused_by || p_refused_by end
  where id = p_task and generation = p_generation and state = 'running' returning * into v_task;
  if not found then
    return false;
  end if;
  update attempt set state = p_attempt_state, error = p_error, ended_at = clock_timestamp()
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  return true;
end $$;

-- Nobody can say whether it was done: the task waits for an operator or its deadline, the hold stays. Where its vendor can
-- be asked for it, that is done after p_look_after.
create or replace function doubt_task_v2(p_task bigint, p_generation int, p_error text, p_look_after interval)
returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  update task set state = 'unknown', worker = null, look_at = now() + p_look_after, updated_at = now()
  where id = p_task and generation = p_generation and state = 'running' returning * into v_task;
  if not found then
    return false;
  end if;
  update attempt set state = 'unknown', error = coalesce(p_error, error), ended_at = clock_timestamp()
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  return true;
end $$;

-- Hands tasks in doubt whose vendor is to be asked for them to the workers, as if theirs had been lost just now.
create or replace function look_again_v1(p_most int) returns setof bigint
language sql as $$
  update task set state = 'running', worker = null, due_at = now(), updated_at = now()
  where id in (
    select id from task where state = 'unknown' and look_at <= now() and deadline > now()
    order by look_at limit p_most for update skip locked)
    and state = 'unknown'
  returning id
$$;

-- The vendor has the job of an attempt that was in doubt: it is under way again. Returns whether the claim still holds.
create or replace function reopen_attempt_v1(p_task bigint, p_generation int) returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  select * into v_task from task where id = p_task and generation = p_generation and state = 'running' for share;
  if not found then
    return false;
  end if;
  update attempt set state = 'started', ended_at = null
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  return true;
end $$;

-- Ends a task's doubt by an operator's word, p_generation being that of the task as it was shown. What was done without a
-- result and what was not done are both paid back; p_retry has the latter tried anew instead, on the same hold.
-- Against the deadline, a look at the vendor and another operator exactly one wins: false when this one did not.
create or replace function resolve_unknown_v1(
  p_key bytea, p_task bigint, p_generation int, p_was_done boolean, p_retry boolean, p_time_allowed interval)
returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  if p_retry then
    update task set state = 'queued', worker = null, due_at = now(), operation = null, remote_id = null, look_at = null,
      refused_by = '{}', attempts = 0, generation = generation + 1, deadline = now() + p_time_allowed, updated_at = now()
    where id = p_task and generation = p_generation and state = 'unknown' returning * into v_task;
    if not found then
      return false;
    end if;
    update hold set deadline = now() + p_time_allowed + interval '1 minute'
    where id = v_task.hold_id and state = 'open';
  else
    update task set state = 'failed', failure = case when p_was_done then 'unknown' else 'unavailable' end, charged = 0,
      worker = null, look_at = null, generation = generation + 1, updated_at = now(), finished_at = now()
    where id = p_task and generation = p_generation and state = 'unknown' returning * into v_task;
    if not found then
      return false;
    end if;
    if resolve_hold_v1(p_key, v_task.hold_id, 0) is null then
      raise exception 'hold % of open task % was settled before', v_task.hold_id, p_task
        using errcode = 'assert_failure';
    end if;
    update work set state = 'failed' where task_id = p_task;
  end if;
  update attempt set state = case when p_was_done then 'unknown' else 'failed' end,
    error = concat_ws('; ', error, case when p_was_done then 'an operator says that it was done'
      else 'an operator says that it was not done' end),
    ended_at = coalesce(ended_at, clock_timestamp())
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  return true;
end $$;
