-- The life of a reply. It is a task of the kind `chat` that is never in the queue: the process that takes the message
-- has it from the start, under a lease that it extends, and calls the vendor itself (docs/decisions/0014).

-- What a conversation has said so far, newest first until p_budget tokens are used, in the order it was said. What was
-- asked without an answer is left out, so that user and assistant take turns.
-- No more of it than p_bytes of UTF-8, the marks around each message included: what a hold was taken for.
create or replace function conversation_memory_v2(p_conversation bigint, p_budget int, p_bytes bigint) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('role', role, 'text', content) order by id), '[]')
  from (
    select m.id, m.role, m.content, sum(m.tokens) over (order by m.id desc) as used,
      sum(octet_length(m.content) + 16) over (order by m.id desc) as bytes
    from (
      select u.id, u.task_id, u.role, u.content, u.tokens from message u
      where u.conversation_id = p_conversation
        and exists (select from message r where r.task_id = u.task_id and r.role = 'assistant' and r.has_text
          and r.state in ('done', 'stopped', 'broken'))
      order by u.id desc limit 200) m) recent
  where used <= p_budget and bytes <= coalesce(p_bytes, bytes)
$$;

create or replace function conversation_memory_v1(p_conversation bigint, p_budget int) returns jsonb
language sql stable as $$
  select conversation_memory_v2(p_conversation, p_budget, null)
$$;

-- Takes a message and begins its reply: in one statement the idempotency key, the hold, the task with its first attempt,
-- both messages, and a conversation where none is named; or, when it refuses, nothing.
-- outcome: 'begun', 'repeated' (the key's own task), 'key_conflict', 'insufficient', 'price_changed', 'account_ended',
-- 'conversation_missing', 'conversation_busy'. `memory` is what the conversation said before, and `held` what was taken.
-- p_explanation says how p_cost was measured, with a memory of at most p_memory_bytes, where the price is a rule; both
-- are null where it is fixed.
create or replace function begin_reply_v2(
  p_key bytea, p_account bigint, p_conversation bigint, p_content text, p_tokens int, p_title text, p_memory_budget int,
  p_handle text, p_model bigint, p_channel bigint, p_model_states text[], p_price_subject text, p_price_version int,
  p_cost bigint, p_free_reason text, p_input jsonb, p_max_attempts int, p_worker text, p_lease interval,
  p_time_allowed interval, p_idempotency_scope text, p_idempotency_key text, p_body_hash bytea, p_ip text, p_device text,
  p_members_free boolean, p_explanation jsonb, p_memory_bytes bigint,
  out outcome text, out task_id bigint, out conversation_id bigint, out available bigint, out memory jsonb,
  out held bigint)
language plpgsql as $$
declare
  v_task bigint;
  v_hold bigint;
  v_cost bigint;
  v_free_reason text;
  v_attempt attempt;
begin
  select k.outcome, k.task_id into outcome, task_id
  from take_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key, p_body_hash) k;
  if outcome is not null then
    return;
  end if;

  begin
    if not exists (select from account where id = p_account and state = 'active') then
      outcome := 'account_ended';
    elsif not quote_is_current_v3(p_model, p_model_states, p_price_subject, p_price_version,
      p_explanation is not null) then
      outcome := 'price_changed';
    elsif p_conversation is not null and not exists (
      select from conversation c where c.id = p_conversation and c.account_id = p_account and c.deleted_at is null) then
      outcome := 'conversation_missing';
    end if;
    if outcome is not null then
      raise exception 'refused' using errcode = 'AT001';
    end if;

    v_task := nextval('task_id_seq');
    v_hold := nextval('hold_id_seq');
    conversation_id := p_conversation;
    if conversation_id is null then
      insert into conversation (account_id, title) values (p_account, p_title) returning id into conversation_id;
    end if;
    insert into message (conversation_id, task_id, role, content, has_text, tokens)
    values (conversation_id, v_task, 'user', p_content, true, p_tokens);
    -- Of two messages at once one finds the place taken, and waits to see whether it stays so.
    insert into message (conversation_id, task_id, role, state, content, has_text)
    values (conversation_id, v_task, 'assistant', 'writing', '', false) on conflict do nothing;
    if not found then
      outcome := 'conversation_busy';
      raise exception 'refused' using errcode = 'AT001';
    end if;
    select c.cost, c.reason into v_cost, v_free_reason from take_charge_v1(p_key, p_account, 'chat', p_cost,
      p_free_reason, p_members_free, v_hold, v_task, p_ip, p_device) c;
    if v_cost is null then
      outcome := 'insufficient';
      select w.available into available from wallet w where w.account_id = p_account;
      raise exception 'refused' using errcode = 'AT001';
    end if;

    insert into hold (id, account_id, task_id, amount, free_reason, deadline) overriding system value
    values (v_hold, p_account, v_task, v_cost, v_free_reason, now() + p_time_allowed + interval '1 minute');
    insert into attempt (task_id, generation, channel_id, state) values (v_task, 1, p_channel, 'started')
    returning * into v_attempt;
    insert into task (id, handle, account_id, kind, state, model_id, price_subject, price_version, input, parameters,
      cost, charged, hold_id, turn, max_attempts, deadline, due_at, worker, generation, attempts, attempt_id, attempt_at,
      attempt_generation, explanation) overriding system value
    values (v_task, p_handle, p_account, 'chat', 'running', p_model, p_price_subject, p_price_version, p_input, '{}',
      v_cost, v_cost, v_hold, 0, p_max_attempts, now() + p_time_allowed, now() + p_lease, p_worker, 1, 1, v_attempt.id,
      v_attempt.started_at, 1, p_explanation);
    update conversation c set messages = messages + 1, updated_at = now() where c.id = begin_reply_v2.conversation_id
      and c.deleted_at is null;
    if not found then
      -- Deleted since it was looked for.
      outcome := 'conversation_missing';
      raise exception 'refused' using errcode = 'AT001';
    end if;
  exception when sqlstate 'AT001' then
    -- A refusal is never stored: the same key may try again when the reason is gone.
    conversation_id := null;
    perform drop_idempotency_key_v1(p_account, p_idempotency_scope, p_idempotency_key);
    return;
  end;
  if p_idempotency_key is not null then
    update idempotency i set task_id = v_task
    where i.account_id = p_account and i.scope = p_idempotency_scope and i.key = p_idempotency_key;
  end if;
  memory := case when p_conversation is null then '[]'
    else conversation_memory_v2(p_conversation, p_memory_budget, p_memory_bytes) end;
  outcome := 'begun';
  task_id := v_task;
  held := v_cost;
end $$;

-- For a process of a version that knows fixed prices alone, beside this one.
create or replace function begin_reply_v1(
  p_key bytea, p_account bigint, p_conversation bigint, p_content text, p_tokens int, p_title text, p_memory_budget int,
  p_handle text, p_model bigint, p_channel bigint, p_model_states text[], p_price_subject text, p_price_version int,
  p_cost bigint, p_free_reason text, p_input jsonb, p_max_attempts int, p_worker text, p_lease interval,
  p_time_allowed interval, p_idempotency_scope text, p_idempotency_key text, p_body_hash bytea, p_ip text, p_device text,
  p_members_free boolean,
  out outcome text, out task_id bigint, out conversation_id bigint, out available bigint, out memory jsonb)
language sql as $$
  select outcome, task_id, conversation_id, available, memory from begin_reply_v2(p_key, p_account, p_conversation,
    p_content, p_tokens, p_title, p_memory_budget, p_handle, p_model, p_channel, p_model_states, p_price_subject,
    p_price_version, p_cost, p_free_reason, p_input, p_max_attempts, p_worker, p_lease, p_time_allowed,
    p_idempotency_scope, p_idempotency_key, p_body_hash, p_ip, p_device, p_members_free, null, null)
$$;

-- Keeps the replies that a process is writing: extends each lease and stores the words so far, where they are more.
-- p_explanations are what the words so far cost and why, as JSON, where that is counted; null leaves what there is.
-- Answers for each whether it is still this process's, and whether somebody asked to stop it.
create or replace function keep_replies_v2(
  p_tasks bigint[], p_generations int[], p_texts text[], p_explanations text[], p_lease interval)
returns table (task_id bigint, is_held boolean, is_stop_asked boolean) language plpgsql as $$
begin
  return query
    with held as (
      select * from unnest(p_tasks, p_generations, p_texts, p_explanations) as held (id, generation, words, explained)),
    locked as (
      -- In one order, so that two keepings never wait for each other.
      select t.id, held.explained from task t join held on t.id = held.id and t.generation = held.generation
      where t.state = 'running' order by t.id for update of t),
    leased as (
      -- In the statement that stores the words: whoever takes the reply over finds both, or neither.
      update task t set due_at = now() + p_lease, explanation = coalesce(locked.explained::jsonb, t.explanation)
      from locked where t.id = locked.id returning t.id),
    stored as (
      update message m set content = case when c.deleted_at is null then held.words else '' end,
        has_text = m.has_text or held.words <> ''
      from held join leased on leased.id = held.id, conversation c
      where m.task_id = held.id and m.role = 'assistant' and c.id = m.conversation_id and held.words is not null
      returning m.id)
    select held.id, leased.id is not null, coalesce(m.stop_asked_at is not null, false)
    from held left join leased on leased.id = held.id
      left join message m on m.task_id = held.id and m.role = 'assistant'
    -- Mentioned, or it would not be run.
    where (select count(*) from stored) >= 0;
end $$;

-- For a process of a version that knows fixed prices alone, beside this one.
create or replace function keep_replies_v1(p_tasks bigint[], p_generations int[], p_texts text[], p_lease interval)
returns table (task_id bigint, is_held boolean, is_stop_asked boolean) language sql as $$
  select task_id, is_held, is_stop_asked from keep_replies_v2(p_tasks, p_generations, p_texts,
    array_fill(null::text, array[cardinality(p_tasks)]), p_lease)
$$;

-- The next attempt of a reply whose last one is known not to have been done: on record before anybody calls out.
create or replace function retry_reply_v1(p_task bigint, p_generation int, p_channel bigint, p_error text)
returns boolean language plpgsql as $$
declare
  v_task task;
  v_attempt attempt;
begin
  select * into v_task from task where id = p_task and generation = p_generation and state = 'running' for update;
  if not found then
    return false;
  end if;
  update attempt set state = 'failed', error = p_error, ended_at = clock_timestamp()
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  insert into attempt (task_id, generation, channel_id, state) values (p_task, p_generation, p_channel, 'started')
  returning * into v_attempt;
  update task set attempts = attempts + 1, attempt_id = v_attempt.id, attempt_at = v_attempt.started_at, updated_at = now()
  where id = p_task;
  return true;
end $$;

-- What a reply costs by what is on record: its fixed price, or what its words were counted as when they were last kept.
create or replace function cost_on_record_v1(p_task task) returns bigint language sql immutable as $$
  select case when p_task.explanation is null then p_task.cost
    else coalesce((p_task.explanation ->> 'charged')::bigint, 0) end
$$;

-- What ends of a reply besides its task: the message, and its place in the conversation. With p_words null the words
-- are those on record. Returns what the reply costs: p_cost when anything was written, nothing when not.
-- A conversation whose first message was never answered is not kept.
create or replace function settle_message_v1(
  p_task bigint, p_cost bigint, p_state text, p_words text, p_tokens int, p_is_cut boolean) returns bigint
language plpgsql as $$
declare
  v_message message;
begin
  -- Before the message, as whoever deletes the conversation does.
  perform from conversation c join message m on m.conversation_id = c.id
  where m.task_id = p_task and m.role = 'assistant' for no key update of c;
  update message m set
    has_text = p_state <> 'failed' and (case when p_words is null then m.has_text else p_words <> '' end),
    content = case when c.deleted_at is not null or p_state = 'failed' then '' else coalesce(p_words, m.content) end,
    tokens = coalesce(p_tokens, char_length(m.content)), is_cut = p_is_cut, ended_at = now(),
    state = case when p_state = 'failed' or (case when p_words is null then not m.has_text else p_words = '' end)
      then 'failed' else p_state end
  from conversation c
  where m.task_id = p_task and m.role = 'assistant' and m.state = 'writing' and c.id = m.conversation_id
  returning m.* into v_message;
  if not found then
    return 0;
  end if;
  if v_message.state = 'failed' then
    update conversation set updated_at = now(), deleted_at = case when messages = 1 then coalesce(deleted_at, now())
      else deleted_at end where id = v_message.conversation_id;
    update message m set content = '' from conversation c
    where m.conversation_id = v_message.conversation_id and c.id = m.conversation_id and c.deleted_at is not null;
    return 0;
  end if;
  update conversation set messages = messages + 1, updated_at = now() where id = v_message.conversation_id;
  return p_cost;
end $$;

-- Ends a reply, its message and its hold in one statement. p_state is 'done', 'stopped', 'broken' or 'failed'; p_words
-- null leaves what is on record, as for whoever takes over from a process that died.
-- p_charge is what the words cost and p_explanation why; null for what is on record.
-- `is_ended` is false when the claim is stale: then nothing has changed.
create or replace function end_reply_v2(
  p_key bytea, p_task bigint, p_generation int, p_state text, p_words text, p_tokens int, p_is_cut boolean,
  p_failure text, p_error text, p_charge bigint, p_explanation jsonb, out is_ended boolean, out has_text boolean)
language plpgsql as $$
declare
  v_task task;
  v_charge bigint;
begin
  select * into v_task from task where id = p_task and generation = p_generation and state = 'running' for update;
  if not found then
    is_ended := false;
    return;
  end if;
  -- Wallets are locked before conversations, here as when a reply begins.
  perform from wallet where account_id = v_task.account_id for no key update;
  v_charge := settle_message_v1(p_task, coalesce(p_charge, cost_on_record_v1(v_task)), p_state, p_words, p_tokens,
    p_is_cut);
  select m.has_text into has_text from message m where m.task_id = p_task and m.role = 'assistant';
  if resolve_hold_v1(p_key, v_task.hold_id, v_charge) is null then
    raise exception 'hold % of running task % was settled before', v_task.hold_id, p_task
      using errcode = 'assert_failure';
  end if;
  update task set state = case when has_text then 'succeeded' else 'failed' end, charged = v_charge, worker = null,
    explanation = coalesce(p_explanation, explanation) || jsonb_build_object('charged', v_charge),
    failure = case when has_text then null else coalesce(p_failure, 'unavailable') end,
    progress = case when has_text then 100 else progress end, updated_at = now(), finished_at = now()
  where id = p_task;
  update attempt set state = case when p_state = 'done' then 'succeeded' when p_state = 'stopped' then 'abandoned'
    else 'failed' end, error = p_error, ended_at = clock_timestamp()
  where id = v_task.attempt_id and started_at = v_task.attempt_at;
  is_ended := true;
end $$;

-- For a process of a version that knows fixed prices alone, beside this one.
create or replace function end_reply_v1(
  p_key bytea, p_task bigint, p_generation int, p_state text, p_words text, p_tokens int, p_is_cut boolean,
  p_failure text, p_error text, out is_ended boolean, out has_text boolean)
language sql as $$
  select is_ended, has_text from end_reply_v2(p_key, p_task, p_generation, p_state, p_words, p_tokens, p_is_cut,
    p_failure, p_error, null, null)
$$;

-- Takes a conversation and its words away. A reply that is being written is asked to stop, and its words are not kept.
-- Returns the task of such a reply; no row when there is no such conversation.
create or replace function delete_conversation_v1(p_account bigint, p_conversation bigint) returns table (writing bigint)
language plpgsql as $$
begin
  update conversation set deleted_at = now(), title = '' where id = p_conversation and account_id = p_account
    and deleted_at is null;
  if not found then
    return;
  end if;
  update message set content = '', stop_asked_at = case when state = 'writing' then now() else stop_asked_at end
  where conversation_id = p_conversation;
  return query select (select task_id from message where conversation_id = p_conversation and state = 'writing');
end $$;
