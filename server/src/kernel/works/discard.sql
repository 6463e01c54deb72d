-- Deletes works of an account. A task that still goes on is canceled first and its hold given back; against its finish
-- exactly one wins: a task that has ended stays paid, one that was ended here writes nothing any more. The pictures that
-- tasks started from are put on the list of loose files, so that they go too, whatever happens to whoever asked.
-- Returns the works that are deleted now, and whether their tasks were ended for it.
create or replace function discard_works_v1(p_key bytea, p_account bigint, p_works bigint[])
returns table (work_id bigint, task_id bigint, was_ended boolean, source text)
language plpgsql as $$
declare
  v_tasks bigint[];
  v_ended bigint[];
begin
  select array_agg(w.task_id) into v_tasks from work w
  where w.id = any (p_works) and w.account_id = p_account and w.deleted_at is null;
  if v_tasks is null then
    return;
  end if;
  -- Also those that have ended are locked: a retry must not start one anew between here and its deletion.
  perform from task t where t.id = any (v_tasks) order by t.account_id, t.id for update;
  select array_agg(e) into v_ended from end_tasks_v1(p_key, v_tasks, p_account,
    array['awaiting_approval', 'queued', 'running'], 'canceled', null) e;
  return query
    with gone as (
      update work w set deleted_at = now()
      where w.task_id = any (v_tasks) and w.account_id = p_account and w.deleted_at is null
      returning w.id, w.task_id),
    sources as (
      select g.id, g.task_id, t.input ->> 'source' as source from gone g join task t on t.id = g.task_id),
    loose as (
      insert into loose_file (store_key) select distinct s.source from sources s where s.source is not null
      on conflict do nothing)
    select s.id, s.task_id, coalesce(s.task_id = any (v_ended), false), s.source from sources s;
end $$;
