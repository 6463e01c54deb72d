-- Publishing: made in one statement or not at all; claimed, advanced and ended under a generation.

-- Makes a publication with its platforms. p_bound are those that need a binding, p_by_hand the others.
-- outcome: 'created', 'repeated', 'key_conflict', 'account_ended', 'work_gone', 'unbound' (with the platform).
create or replace function create_publication_v1(
  p_account bigint, p_work bigint, p_content jsonb, p_scheduled_at timestamptz, p_bound text[], p_by_hand text[],
  p_idempotency_scope text, p_idempotency_key text, p_body_hash bytea,
  out outcome text, out publication_id bigint, out unbound text)
language plpgsql as $$
begin
  select k.outcome into outcome
  from take_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key, p_body_hash) k;
  if outcome is not null then
    select i.publication_id into publication_id from idempotency i
    where i.account_id = p_account and i.scope = p_idempotency_scope and i.key = p_idempotency_key;
    return;
  end if;
  -- Locked, so that nothing is unbound, deleted or closed between this look and the rows below.
  if not exists (select from account where id = p_account and state = 'active' for share) then
    outcome := 'account_ended';
  elsif not exists (
    select from work where id = p_work and account_id = p_account and state = 'ready' and deleted_at is null for share)
  then
    outcome := 'work_gone';
  else
    perform from platform_binding b where b.account_id = p_account and b.platform = any (p_bound)
    order by b.id for share;
    select wanted.platform into unbound from unnest(p_bound) with ordinality as wanted (platform, place)
    where not exists (
      select from platform_binding b
      where b.account_id = p_account and b.platform = wanted.platform and b.state = 'active')
    order by wanted.place limit 1;
    if unbound is not null then
      outcome := 'unbound';
    end if;
  end if;
  if outcome is not null then
    perform drop_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key);
    return;
  end if;
  insert into publication (account_id, work_id, content, scheduled_at)
  values (p_account, p_work, p_content, p_scheduled_at) returning id into publication_id;
  insert into publication_target (publication_id, account_id, platform, binding_id, due_at)
  select create_publication_v1.publication_id, p_account, wanted.platform, b.id, coalesce(p_scheduled_at, now())
  from unnest(p_bound || p_by_hand) with ordinality as wanted (platform, place)
  left join platform_binding b
    on b.account_id = p_account and b.platform = wanted.platform and wanted.platform = any (p_bound)
  order by wanted.place;
  if p_idempotency_key is not null then
    update idempotency i set publication_id = create_publication_v1.publication_id
    where i.account_id = p_account and i.scope = p_idempotency_scope and i.key = p_idempotency_key;
  end if;
  outcome := 'created';
end $$;

-- Takes up to p_take due platforms for a worker: scheduled ones whose time has come, and those whose next step is
-- due or whose worker is gone.
create or replace function claim_targets_v1(p_worker text, p_take int, p_lease interval)
returns setof publication_target language plpgsql as $$
declare
  v_due bigint[];
begin
  -- Nobody came back from a hand-off in time.
  update publication_target set state = 'failed', failure = 'by_hand_only', due_at = null, updated_at = now()
  where id = any (array(
    select id from publication_target where state = 'handed_off' and due_at <= now()
    order by due_at limit p_take for update skip locked));
  select array_agg(id) into v_due from (
    select id from publication_target where state in ('queued', 'publishing') and due_at <= now()
    order by due_at limit p_take for update skip locked) due;
  if v_due is null then
    return;
  end if;
  return query
    update publication_target t set
      state = 'publishing', worker = p_worker, generation = t.generation + 1, due_at = now() + p_lease,
      updated_at = now()
    where t.id = any (v_due)
    returning t.*;
end $$;

-- Keeps the leases of what a worker still holds; returns the ids it no longer holds.
create or replace function extend_targets_v1(p_targets bigint[], p_generations int[], p_lease interval)
returns setof bigint language sql as $$
  with held as (select * from unnest(p_targets, p_generations) as held (id, generation)),
  locked as (
    select t.id from publication_target t join held on t.id = held.id and t.generation = held.generation
    where t.state = 'publishing' and t.worker is not null
    order by t.id for update of t),
  kept as (
    update publication_target t set due_at = now() + p_lease from locked where t.id = locked.id returning t.id)
  select id from held where id not in (select id from kept)
$$;
