-- The life of a task after submission. Every write of a worker carries the generation of its claim; a write
-- with an older one changes nothing and says so.

-- Takes up to p_take due tasks for a worker: first those already running whose next check is due or whose
-- lease has lapsed, then waiting ones in fair order. A new attempt is on record before anybody calls out.
-- For a worker of a version that knows no lines of checks (asking.sql), and for whoever wants everything at once.
create or replace function claim_tasks_v1(p_worker text, p_take int, p_lease interval) returns setof task
language plpgsql as $$
declare
  v_due bigint[];
  v_waiting bigint[];
begin
  -- Each part has an index of its own.
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
      select id from task where state = 'queued' and due_at <= now()
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

-- Keeps the leases of the tasks a worker still holds; returns the ids it no longer holds.
create or replace function extend_leases_v1(p_tasks bigint[], p_generations int[], p_lease interval)
returns setof bigint language sql as $$
  with held as (select * from unnest(p_tasks, p_generations) as held (id, generation)),
  locked as (
    -- In one order, so that two extensions never wait for each other.
    select t.id from task t join held on t.id = held.id and t.generation = held.generation
    where t.state = 'running'
      -- One that was given back until its next check is due then, not at the end of a lease.
      and t.worker is not null
    order by t.id for update of t),
  kept as (
    update task t set due_at = now() + p_lease from locked where t.id = locked.id returning t.id)
  select id from held where id not in (select id from kept)
$$;

-- Stores the vendor's operation and gives the task back until its next check.
create or replace function await_operation_v2(
  p_task bigint, p_generation int, p_operation jsonb, p_remote_id text, p_progress int, p_check_after interval)
returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  update task t set operation = p_operation, remote_id = p_remote_id, progress = greatest(progress, p_progress),
    worker = null, due_at = now() + p_check_after, updated_at = now(), unanswered = 0,
    -- Where the job was sent, and nowhere else, it is asked after.
    asked_via = case when operation is not null then asked_via else (
      select c.connection_id from attempt a join channel c on c.id = a.channel_id
      where a.id = t.attempt_id and a.started_at = t.attempt_at) end
  where id = p_task and generation = p_generation and state = 'running' returning * into v_task;
  if not found then
    return false;
  end if;
  update attempt set state = 'pending', operation = p_operation
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  return true;
end $$;

-- Puts a task back into the queue after an attempt that is known not to have been done.
create or replace function requeue_task_v1(
  p_task bigint, p_generation int, p_attempt_state text, p_error text, p_after interval) returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  update task set state = 'queued', worker = null, due_at = now() + p_after, operation = null,
    remote_id = null, updated_at = now()
  where id = p_task and generation = p_generation and state = 'running' returning * into v_task;
  if not found then
    return false;
  end if;
  update attempt set state = p_attempt_state, error = p_error, ended_at = clock_timestamp()
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  return true;
end $$;

-- Nobody can say whether it was done: the task waits for an operator or its deadline, the hold stays.
create or replace function doubt_task_v1(p_task bigint, p_generation int, p_error text) returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  update task set state = 'unknown', worker = null, updated_at = now()
  where id = p_task and generation = p_generation and state = 'running' returning * into v_task;
  if not found then
    return false;
  end if;
  update attempt set state = 'unknown', error = p_error, ended_at = clock_timestamp()
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  return true;
end $$;

-- Ends a task, settles its hold and records its files in one statement. p_charge is what it really cost, at
-- most what was held. p_text is what was written, for a task that writes, and p_is_cut whether it ends too early.
-- p_explanation says why it costs that; with null, what is on record of its price goes on saying so.
-- Returns false when the worker's claim is stale: then nothing has changed.
create or replace function finish_task_v3(
  p_key bytea, p_task bigint, p_generation int, p_state text, p_charge bigint, p_failure text, p_error text,
  p_files jsonb, p_text text, p_is_cut boolean, p_explanation jsonb) returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  update task set state = p_state, worker = null, charged = p_charge, failure = p_failure,
    explanation = coalesce(p_explanation, explanation) || jsonb_build_object('charged', p_charge),
    progress = case when p_state = 'succeeded' then 100 else progress end,
    updated_at = now(), finished_at = now()
  where id = p_task and generation = p_generation and state = 'running'
  returning * into v_task;
  if not found then
    return false;
  end if;
  if resolve_hold_v1(p_key, v_task.hold_id, p_charge) is null then
    raise exception 'hold % of running task % was settled before', v_task.hold_id, p_task
      using errcode = 'assert_failure';
  end if;
  update work set state = case when p_state = 'succeeded' then 'ready' else 'failed' end,
    body = coalesce(p_text, body), is_cut = p_is_cut
  where task_id = p_task;
  if p_files is not null then
    insert into file (work_id, role, position, store_key, media_type, bytes, width, height, duration_ms)
    select w.id, f.role, f.position, f.store_key, f.media_type, f.bytes, f.width, f.height, f.duration_ms
    from work w, jsonb_to_recordset(p_files) as f (role text, position int, store_key text, media_type text,
      bytes bigint, width int, height int, duration_ms int)
    where w.task_id = p_task;
  end if;
  update attempt set state = case when p_state = 'succeeded' then 'succeeded' else 'failed' end, error = p_error,
    ended_at = clock_timestamp()
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  return true;
end $$;

-- For a worker of a version that knows fixed prices alone, beside this one: a metered task then costs its whole hold.
create or replace function finish_task_v2(
  p_key bytea, p_task bigint, p_generation int, p_state text, p_charge bigint, p_failure text, p_error text,
  p_files jsonb, p_text text, p_is_cut boolean) returns boolean
language sql as $$
  select finish_task_v3(p_key, p_task, p_generation, p_state, p_charge, p_failure, p_error, p_files, p_text, p_is_cut,
    null)
$$;

-- For a worker of a version that writes no texts, beside this one.
create or replace function finish_task_v1(
  p_key bytea, p_task bigint, p_generation int, p_state text, p_charge bigint, p_failure text, p_error text,
  p_files jsonb) returns boolean
language sql as $$
  select finish_task_v2(p_key, p_task, p_generation, p_state, p_charge, p_failure, p_error, p_files, null, false)
$$;

-- Ends a task that no worker may finish any more (canceled by its owner, or past its deadline) and gives the
-- hold back. Raising the generation makes whatever a worker still does of no effect. Returns the ids ended.
-- A reply costs by its one rule, however it ends: what is on record of it, when anything was written.
create or replace function end_tasks_v1(
  p_key bytea, p_tasks bigint[], p_account bigint, p_states text[], p_state text, p_failure text)
returns setof bigint language plpgsql as $$
declare
  v_task task;
  v_charge bigint;
begin
  for v_task in
    update task set state = p_state, failure = p_failure, charged = 0, worker = null,
      generation = generation + 1, updated_at = now(), finished_at = now()
    where id in (select id from task where id = any (p_tasks) order by account_id, id for update)
      and (p_account is null or account_id = p_account)
      and state = any (p_states)
    returning *
  loop
    v_charge := 0;
    if v_task.kind = 'chat' then
      perform from wallet where account_id = v_task.account_id for no key update;
      v_charge := settle_message_v1(v_task.id, cost_on_record_v1(v_task), 'broken', null, null, true);
    end if;
    if v_charge > 0 or v_task.explanation is not null then
      update task set charged = v_charge, explanation = explanation || jsonb_build_object('charged', v_charge)
      where id = v_task.id;
    end if;
    if resolve_hold_v1(p_key, v_task.hold_id, v_charge) is null then
      raise exception 'hold % of open task % was settled before', v_task.hold_id, v_task.id
        using errcode = 'assert_failure';
    end if;
    update work set state = 'failed' where task_id = v_task.id;
    update attempt set state = 'abandoned', ended_at = clock_timestamp()
    where id = v_task.attempt_id and started_at = v_task.attempt_at and ended_at is null;
    return next v_task.id;
  end loop;
end $$;
