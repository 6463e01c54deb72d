-- Submitting and retrying: one round trip that takes the idempotency key, the hold, the task and its work,
-- or, when it refuses, nothing at all.

-- Where the next task of an account stands in the queue. Each account's tasks advance one by one in virtual
-- time and nobody starts behind the point that has been served, so a thousand tasks of one account do not
-- delay another's first (self-clocked fair queueing).
create or replace function take_turn_v1(p_account bigint) returns bigint language plpgsql as $$
declare
  v_turn bigint;
  v_served bigint;
begin
  select turn into v_served from queue_clock;
  insert into queue_place as place (account_id, turn) values (p_account, v_served + 1)
  on conflict (account_id) do update set turn = greatest(place.turn, v_served) + 1
  returning turn into v_turn;
  return v_turn;
end $$;

-- What a work is called until its owner changes that: its title, or how what was asked for begins.
create or replace function work_title_v1(p_input jsonb) returns text language sql immutable as $$
  select left(split_part(trim(coalesce(p_input ->> 'title', p_input ->> 'topic', p_input ->> 'prompt', '')), chr(10), 1), 200)
$$;

-- What was quoted must still be so: the model is in a state it may be used in (open, unless an administrator
-- asks), no price of its own has come or gone, the version is the latest, and it is for what was quoted: for one output, or
-- a rule. A cached catalogue never sells what is closed, nor at a stale price.
create or replace function quote_is_current_v3(
  p_model bigint, p_states text[], p_subject text, p_version int, p_is_metered boolean) returns boolean
language sql stable as $$
  select exists (select from model where id = p_model and state = any (p_states))
    and (p_subject = 'model:' || p_model or coalesce((
      select is_withdrawn from price where subject = 'model:' || p_model order by version desc limit 1), true))
    and exists (
      select from (
        select version, rule, is_withdrawn from price where subject = p_subject order by version desc limit 1) latest
      where version = p_version and not is_withdrawn and (rule is not null) = p_is_metered)
$$;

-- For whoever knows of no rules: a price that is one must not be taken for a price of one output.
create or replace function quote_is_current_v2(p_model bigint, p_states text[], p_subject text, p_version int)
returns boolean
language sql stable as $$
  select quote_is_current_v3(p_model, p_states, p_subject, p_version, false)
$$;

-- Takes from the wallet what a call costs its account, for hold p_hold of task p_task: nothing from a member where
-- members generate free. Asked inside the statement that takes the hold, so a membership that has just ended, or just
-- begun, is never taken for its opposite. p_free_reason is why the call costs everybody nothing, if it does.
-- `cost` is what was taken and `reason` why that is nothing; `cost` is null when the wallet cannot pay.
create or replace function take_charge_v1(
  p_key bytea, p_account bigint, p_kind text, p_cost bigint, p_free_reason text, p_members_free boolean,
  p_hold bigint, p_task bigint, p_ip text, p_device text, out cost bigint, out reason text)
language plpgsql as $$
begin
  cost := p_cost;
  reason := p_free_reason;
  -- Asked again where the wallet has too little: it may have paid for a membership while this waited for it.
  for v_look in 1..2 loop
    if p_members_free and p_cost > 0 and is_member_v1(p_account) then
      cost := 0;
      reason := 'membership';
    end if;
    if cost = 0 or post_entry_v1(p_key, p_account, 'hold', p_kind, 'available', 'held', cost,
        'hold:' || p_hold, p_task, null, null, p_ip, p_device) is not null then
      return;
    end if;
  end loop;
  cost := null;
end $$;

-- Whether an account was a member once and is none now.
create or replace function is_lapsed_member_v1(p_account bigint) returns boolean language sql stable as $$
  select exists (select from membership
    where account_id = p_account and ends_at <= now() and lifetime_level is null)
$$;

-- outcome: 'submitted', 'repeated' (the key's own task), 'key_conflict', 'insufficient', 'price_changed',
-- 'account_ended'. `available` is the balance when the outcome is 'insufficient', and `was_member` then says whether
-- a membership has lapsed.
-- p_state is 'queued', or 'awaiting_approval' with p_time_allowed as long as an approval may take.
-- p_explanation says how p_cost was measured, where the price is a rule; null where it is fixed.
create or replace function submit_task_v4(
  p_key bytea, p_account bigint, p_handle text, p_kind text, p_model bigint, p_model_states text[],
  p_price_subject text, p_price_version int, p_cost bigint, p_free_reason text, p_input jsonb, p_parameters json,
  p_state text, p_time_allowed interval, p_max_attempts int, p_idempotency_scope text, p_idempotency_key text,
  p_body_hash bytea, p_ip text, p_device text, p_members_free boolean, p_explanation jsonb,
  out outcome text, out task_id bigint, out available bigint, out was_member boolean)
language plpgsql as $$
declare
  v_task bigint;
  v_hold bigint;
  v_cost bigint;
  v_free_reason text;
begin
  select k.outcome, k.task_id into outcome, task_id
  from take_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key, p_body_hash) k;
  if outcome is not null then
    return;
  end if;

  if not exists (select from account where id = p_account and state = 'active') then
    outcome := 'account_ended';
  elsif not quote_is_current_v3(p_model, p_model_states, p_price_subject, p_price_version,
    p_explanation is not null) then
    outcome := 'price_changed';
  else
    v_task := nextval('task_id_seq');
    v_hold := nextval('hold_id_seq');
    select c.cost, c.reason into v_cost, v_free_reason from take_charge_v1(p_key, p_account, p_kind, p_cost,
      p_free_reason, p_members_free, v_hold, v_task, p_ip, p_device) c;
    if v_cost is null then
      outcome := 'insufficient';
      select w.available into available from wallet w where w.account_id = p_account;
      was_member := p_members_free and is_lapsed_member_v1(p_account);
    end if;
  end if;
  if outcome is not null then
    -- A refusal is never stored: the same key may try again when the reason is gone.
    perform drop_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key);
    return;
  end if;

  insert into hold (id, account_id, task_id, amount, free_reason, deadline) overriding system value
  values (v_hold, p_account, v_task, v_cost, v_free_reason, now() + p_time_allowed + interval '1 minute');
  insert into task (id, handle, account_id, kind, state, model_id, price_subject, price_version, input, parameters,
    cost, charged, hold_id, turn, max_attempts, deadline, explanation) overriding system value
  values (v_task, p_handle, p_account, p_kind, p_state, p_model, p_price_subject, p_price_version, p_input, p_parameters,
    v_cost, v_cost, v_hold, take_turn_v1(p_account), p_max_attempts, now() + p_time_allowed, p_explanation);
  insert into work (task_id, account_id, kind, tool, title)
  values (v_task, p_account, p_kind, p_input ->> 'tool', work_title_v1(p_input));
  if p_idempotency_key is not null then
    update idempotency i set task_id = v_task
    where i.account_id = p_account and i.scope = p_idempotency_scope and i.key = p_idempotency_key;
  end if;
  outcome := 'submitted';
  task_id := v_task;
end $$;

-- For a process of a version that knows fixed prices alone, beside this one.
create or replace function submit_task_v3(
  p_key bytea, p_account bigint, p_handle text, p_kind text, p_model bigint, p_model_states text[],
  p_price_subject text, p_price_version int, p_cost bigint, p_free_reason text, p_input jsonb, p_parameters json,
  p_state text, p_time_allowed interval, p_max_attempts int, p_idempotency_scope text, p_idempotency_key text,
  p_body_hash bytea, p_ip text, p_device text, p_members_free boolean,
  out outcome text, out task_id bigint, out available bigint, out was_member boolean)
language sql as $$
  select outcome, task_id, available, was_member from submit_task_v4(p_key, p_account, p_handle, p_kind, p_model,
    p_model_states, p_price_subject, p_price_version, p_cost, p_free_reason, p_input, p_parameters, p_state,
    p_time_allowed, p_max_attempts, p_idempotency_scope, p_idempotency_key, p_body_hash, p_ip, p_device,
    p_members_free, null)
$$;

-- Starts a failed task again with a new hold. outcome: 'retried', 'not_retryable' (not failed, or lost to a
-- concurrent retry), 'insufficient', 'price_changed', 'account_ended'.
create or replace function retry_task_v4(
  p_key bytea, p_account bigint, p_task bigint, p_model_states text[], p_price_subject text, p_price_version int, p_cost bigint,
  p_free_reason text, p_time_allowed interval, p_ip text, p_device text,
  p_members_free boolean, p_explanation jsonb, out outcome text, out available bigint, out was_member boolean)
language plpgsql as $$
declare
  v_hold bigint := nextval('hold_id_seq');
  v_kind text;
  v_model bigint;
  v_cost bigint;
  v_free_reason text;
begin
  if not exists (select from account where id = p_account and state = 'active') then
    outcome := 'account_ended';
    return;
  end if;
  -- The row lock decides between two retries; the update below is made by one of them.
  select kind, model_id into v_kind, v_model from task
  where id = p_task and account_id = p_account and state = 'failed' for update;
  if not found then
    outcome := 'not_retryable';
    return;
  end if;
  if not quote_is_current_v3(v_model, p_model_states, p_price_subject, p_price_version, p_explanation is not null) then
    outcome := 'price_changed';
    return;
  end if;
  select c.cost, c.reason into v_cost, v_free_reason from take_charge_v1(p_key, p_account, v_kind, p_cost,
    p_free_reason, p_members_free, v_hold, p_task, p_ip, p_device) c;
  if v_cost is null then
    outcome := 'insufficient';
    select w.available into available from wallet w where w.account_id = p_account;
    was_member := p_members_free and is_lapsed_member_v1(p_account);
    return;
  end if;
  insert into hold (id, account_id, task_id, amount, free_reason, deadline) overriding system value
  values (v_hold, p_account, p_task, v_cost, v_free_reason, now() + p_time_allowed + interval '1 minute');
  update task set state = 'queued', hold_id = v_hold, cost = v_cost, charged = v_cost,
    price_subject = p_price_subject, price_version = p_price_version, explanation = p_explanation,
    turn = take_turn_v1(p_account), due_at = now(), worker = null, generation = generation + 1, attempts = 0, progress = 0,
    attempt_id = null, attempt_at = null, attempt_generation = null, operation = null, remote_id = null, failure = null,
    refused_by = '{}', look_at = null, deadline = now() + p_time_allowed, updated_at = now(), finished_at = null
  where id = p_task;
  update work set state = 'pending' where task_id = p_task;
  outcome := 'retried';
end $$;

-- For a process of a version that knows fixed prices alone, beside this one.
create or replace function retry_task_v3(
  p_key bytea, p_account bigint, p_task bigint, p_model_states text[], p_price_subject text, p_price_version int, p_cost bigint,
  p_free_reason text, p_time_allowed interval, p_ip text, p_device text,
  p_members_free boolean, out outcome text, out available bigint, out was_member boolean)
language sql as $$
  select outcome, available, was_member from retry_task_v4(p_key, p_account, p_task, p_model_states, p_price_subject,
    p_price_version, p_cost, p_free_reason, p_time_allowed, p_ip, p_device, p_members_free, null)
$$;

-- Lets a task that awaits approval run. Of two approvals one happens. Returns whether this one did.
create or replace function approve_task_v1(p_task bigint, p_operator bigint, p_time_allowed interval) returns boolean
language plpgsql as $$
declare
  v_task task;
begin
  update task set state = 'queued', approved_by = p_operator, turn = take_turn_v1(account_id), due_at = now(),
    deadline = now() + p_time_allowed, updated_at = now()
  where id = p_task and state = 'awaiting_approval' returning * into v_task;
  if not found then
    return false;
  end if;
  update hold set deadline = now() + p_time_allowed + interval '1 minute' where id = v_task.hold_id and state = 'open';
  return true;
end $$;

-- Replaces what a task that has not begun is to do. With another model, another number of outputs, or a picture to start
-- from where there was none, and always where its price is or was a rule, it is priced anew: the old hold goes back and a new one is taken, or, when the account
-- cannot pay that, nothing changes. An edited task has no approval.
-- p_account is null for an administrator. outcome: 'edited', 'not_editable', 'insufficient', 'price_changed'.
create or replace function edit_task_v3(
  p_key bytea, p_task bigint, p_account bigint, p_kind text, p_model bigint, p_model_states text[],
  p_price_subject text, p_price_version int, p_cost bigint, p_free_reason text, p_input jsonb, p_parameters json,
  p_state text, p_time_allowed interval, p_ip text, p_device text,
  p_members_free boolean, p_explanation jsonb, out outcome text, out available bigint, out was_member boolean)
language plpgsql as $$
declare
  v_task task;
  v_hold bigint;
  v_cost bigint;
  v_free_reason text;
  v_is_priced_anew boolean;
begin
  select * into v_task from task
  where id = p_task and (p_account is null or account_id = p_account)
    and state in ('awaiting_approval', 'queued') for update;
  if not found then
    outcome := 'not_editable';
    return;
  end if;
  v_hold := v_task.hold_id;
  v_is_priced_anew := v_task.model_id <> p_model
    or v_task.input ->> 'count' is distinct from p_input ->> 'count'
    or (v_task.input ->> 'source' is null) <> (p_input ->> 'source' is null)
    or p_explanation is not null or v_task.explanation is not null;
  if v_is_priced_anew then
    if not quote_is_current_v3(p_model, p_model_states, p_price_subject, p_price_version, p_explanation is not null) then
      outcome := 'price_changed';
      return;
    end if;
    begin
      if resolve_hold_v1(p_key, v_task.hold_id, 0) is null then
        raise exception 'hold % of open task % was settled before', v_task.hold_id, p_task
          using errcode = 'assert_failure';
      end if;
      v_hold := nextval('hold_id_seq');
      select c.cost, c.reason into v_cost, v_free_reason from take_charge_v1(p_key, v_task.account_id, p_kind,
        p_cost, p_free_reason, p_members_free, v_hold, p_task, p_ip, p_device) c;
      if v_cost is null then
        raise exception 'too little credit' using errcode = 'AT001';
      end if;
    exception when sqlstate 'AT001' then
      -- The old hold is back as it was.
      outcome := 'insufficient';
      select w.available into available from wallet w where w.account_id = v_task.account_id;
      was_member := p_members_free and is_lapsed_member_v1(v_task.account_id);
      return;
    end;
    insert into hold (id, account_id, task_id, amount, free_reason, deadline) overriding system value
    values (v_hold, v_task.account_id, p_task, v_cost, v_free_reason, now() + p_time_allowed + interval '1 minute');
  else
    update hold set deadline = now() + p_time_allowed + interval '1 minute' where id = v_hold;
  end if;
  update task set state = p_state, kind = p_kind, input = p_input, parameters = p_parameters, model_id = p_model,
    price_subject = case when v_is_priced_anew then p_price_subject else price_subject end,
    price_version = case when v_is_priced_anew then p_price_version else price_version end,
    cost = case when v_is_priced_anew then v_cost else cost end,
    charged = case when v_is_priced_anew then v_cost else cost end, explanation = p_explanation,
    hold_id = v_hold, approved_by = null, attempts = 0, refused_by = '{}', generation = generation + 1, due_at = now(),
    deadline = now() + p_time_allowed, updated_at = now()
  where id = p_task;
  update work set kind = p_kind, tool = p_input ->> 'tool', title = work_title_v1(p_input) where task_id = p_task;
  outcome := 'edited';
end $$;

-- For a process of a version that knows fixed prices alone, beside this one.
create or replace function edit_task_v2(
  p_key bytea, p_task bigint, p_account bigint, p_kind text, p_model bigint, p_model_states text[],
  p_price_subject text, p_price_version int, p_cost bigint, p_free_reason text, p_input jsonb, p_parameters json,
  p_state text, p_time_allowed interval, p_ip text, p_device text,
  p_members_free boolean, out outcome text, out available bigint, out was_member boolean)
language sql as $$
  select outcome, available, was_member from edit_task_v3(p_key, p_task, p_account, p_kind, p_model, p_model_states,
    p_price_subject, p_price_version, p_cost, p_free_reason, p_input, p_parameters, p_state, p_time_allowed, p_ip,
    p_device, p_members_free, null)
$$;
