-- Who is asked after next, and what came of it. Jobs under way at vendors are taken by connection, each within what
-- its vendor allows, so that no vendor's queue stands in the way of another's, nor in that of new work.

-- Takes tasks that no vendor has: those whose worker was lost before there was an operation, then waiting ones in fair
-- order, but for those of the models p_skip. A new attempt is on record before anybody calls out.
create or replace function claim_starts_v1(p_worker text, p_take int, p_lease interval, p_skip bigint[])
returns setof task
language plpgsql as $$
declare
  v_due bigint[];
  v_waiting bigint[];
begin
  select array_agg(id) into v_due from (
    select id from task where state = 'running' and operation is null and due_at <= now()
    order by due_at limit p_take for update skip locked) due;
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

-- Takes jobs to ask after: of each connection of p_lines up to as many as p_takes says at its place, and up to p_loose
-- of those that need no connection; the longest due first. What nobody holds is taken p_ahead before it is due, with
-- the milliseconds that are left until then; is_lapsed is what a lost worker may just have asked after.
create or replace function claim_checks_v1(
  p_worker text, p_lines bigint[], p_takes int[], p_loose int, p_ahead interval, p_lease interval)
returns table (claimed task, due_in_ms float8, is_lapsed boolean, channel_id bigint)
language plpgsql as $$
begin
  return query
    with due as (
      select d.* from unnest(p_lines, p_takes) as line (connection_id, take), lateral (
        select t.id, t.due_at, t.worker from task t
        where t.state = 'running' and t.operation is not null and t.asked_via = line.connection_id
          and t.due_at <= now() + p_ahead and (t.worker is null or t.due_at <= now())
        order by t.due_at limit line.take for update skip locked) d
      union all
      select l.* from (
        select t.id, t.due_at, t.worker from task t
        where t.state = 'running' and t.operation is not null and t.asked_via is null
          and t.due_at <= now() + p_ahead and (t.worker is null or t.due_at <= now())
        order by t.due_at limit p_loose for update skip locked) l),
    taken as (
      update task t set worker = p_worker, generation = t.generation + 1, due_at = now() + p_lease
      from due where t.id = due.id returning t)
    select taken.t, greatest(0, extract(epoch from due.due_at - now()) * 1000)::float8, due.worker is not null,
      a.channel_id
    from taken join due on due.id = (taken.t).id
    left join attempt a on a.id = (taken.t).attempt_id and a.started_at = (taken.t).attempt_at;
end $$;

-- What asking told of jobs that go on, many at once: each is given back until it is asked after again. Says of those
-- that were still the asker's whether their progress has changed.
create or replace function keep_asking_v1(
  p_tasks bigint[], p_generations int[], p_operations jsonb[], p_remote_ids text[], p_progress int[],
  p_after_ms float8[], p_answered boolean[])
returns table (id bigint, has_news boolean)
language plpgsql as $$
begin
  return query
    with held as (
      -- In one order, so that two of these never wait for each other.
      select t.id, t.operation as before, t.progress as progress_before, s.operation, s.remote_id, s.progress,
        s.after_ms, s.answered
      from task t join unnest(p_tasks, p_generations, p_operations, p_remote_ids, p_progress, p_after_ms, p_answered)
        as s (id, generation, operation, remote_id, progress, after_ms, answered)
        on t.id = s.id and t.generation = s.generation
      where t.state = 'running' order by t.id for update of t),
    kept as (
      update task t set operation = h.operation, remote_id = h.remote_id, progress = greatest(t.progress, h.progress),
        worker = null, due_at = now() + make_interval(secs => h.after_ms / 1000),
        unanswered = case when h.answered then 0 else t.unanswered + 1 end, updated_at = now()
      from held h where t.id = h.id
      returning t.id, t.attempt_id, t.attempt_at, t.progress),
    noted as (
      update attempt a set state = 'pending', operation = h.operation
      from kept k join held h on h.id = k.id
      where a.id = k.attempt_id and a.started_at = k.attempt_at and h.before is distinct from h.operation)
    select k.id, k.progress > h.progress_before from kept k join held h on h.id = k.id;
end $$;

-- Renews a process's shares of what vendors allow a credential, and says how large they are now. The processes share
-- evenly; whoever has more than his part gives it up first, and is counted with it (p_used) until he has. p_own_ms is
-- the process's own clock, which is never set: when the database's has jumped beside it, a share that seems to have
-- lapsed is its owner's still.
create or replace function share_asks_v1(
  p_holder text, p_credentials text[], p_slots int[], p_used int[], p_quiet_ms float8[], p_ttl interval,
  p_own_ms float8)
returns table (credential text, slots int, quiet_ms float8)
language plpgsql as $$
declare
  v record;
  v_others int;
  v_before int;
  v_taken int;
  v_own int;
begin
  for v in
    select * from unnest(p_credentials, p_slots, p_used, p_quiet_ms) as wish (credential, slots, used, quiet_ms)
    order by 1
  loop
    perform pg_advisory_xact_lock(7143828, hashtext(v.credential));
    if not exists (
      select from ask_share s where s.credential = v.credential and s.holder = p_holder
        and abs(extract(epoch from clock_timestamp() - s.renewed_at) * 1000 - (p_own_ms - s.own_ms)) > 1000) then
      delete from ask_share s where s.credential = v.credential and s.holder <> p_holder and s.until < clock_timestamp();
    end if;
    select count(*), count(*) filter (where s.holder < p_holder), coalesce(sum(s.slots), 0)
    into v_others, v_before, v_taken
    from ask_share s where s.credential = v.credential and s.holder <> p_holder;
    v_own := greatest(0, least(
      v.slots / (v_others + 1) + case when v_before < v.slots % (v_others + 1) then 1 else 0 end,
      v.slots - v_taken));
    insert into ask_share as s (credential, holder, slots, until, quiet_until, renewed_at, own_ms)
    values (v.credential, p_holder, greatest(v_own, v.used), clock_timestamp() + p_ttl,
      clock_timestamp() + make_interval(secs => v.quiet_ms / 1000), clock_timestamp(), p_own_ms)
    on conflict on constraint one_share_per_process do update
      set slots = excluded.slots, until = excluded.until, quiet_until = excluded.quiet_until,
        renewed_at = excluded.renewed_at, own_ms = excluded.own_ms;
    return query select v.credential, v_own,
      greatest(0, (select extract(epoch from max(s.quiet_until) - clock_timestamp()) * 1000 from ask_share s
                   where s.credential = v.credential))::float8;
  end loop;
end $$;
