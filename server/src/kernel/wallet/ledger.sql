-- Posting to the ledger: every movement of credits in the system is one call of post_entry.

-- HMAC-SHA256 of an entry's content and the previous entry's hash. `p_key` is the 64-byte inner and the
-- 64-byte outer pad, so that the key itself need not be here.
create or replace function entry_hash_v1(p_key bytea, p_previous bytea, p_content text) returns bytea
language sql immutable strict parallel safe as $$
  select sha256(substring(p_key from 65 for 64)
    || sha256(substring(p_key from 1 for 64) || p_previous || convert_to(p_content, 'UTF8')))
$$;

-- What of an entry the hash covers; `atelier ledger verify` builds the same text from the stored row.
create or replace function entry_content_v1(
  p_account bigint, p_sequence bigint, p_kind text, p_topic text, p_debit text, p_credit text, p_amount bigint,
  p_before bigint, p_after bigint, p_held bigint, p_effect text, p_task bigint, p_reason text, p_operator bigint,
  p_ip text, p_device text, p_at timestamptz) returns text
language sql immutable parallel safe as $$
  -- A JSON array keeps null apart from any text, and no text can pass for a neighbour.
  select jsonb_build_array(p_account, p_sequence, p_kind, p_topic, p_debit, p_credit, p_amount, p_before, p_after,
    p_held, p_effect, p_task, p_operator, p_ip, p_device, (extract(epoch from p_at) * 1000000)::bigint, p_reason)::text
$$;

-- Moves p_amount from ledger account p_debit to p_credit in one wallet. One guarded statement decides: it
-- changes the balance and the head of the chain together, or, when the wallet cannot pay, nothing.
-- Returns the entry's id, or null when there is too little credit. A repeated effect raises unique_violation.
create or replace function post_entry_v1(
  p_key bytea, p_account bigint, p_kind text, p_topic text, p_debit text, p_credit text, p_amount bigint,
  p_effect text, p_task bigint, p_reason text, p_operator bigint, p_ip text, p_device text) returns bigint
language plpgsql as $$
declare
  v_available bigint := (p_credit = 'available')::int * p_amount - (p_debit = 'available')::int * p_amount;
  v_held bigint := (p_credit = 'held')::int * p_amount - (p_debit = 'held')::int * p_amount;
  v_spent bigint := (p_credit = 'revenue')::int * p_amount;
  v_at timestamptz := clock_timestamp();
  v_sequence bigint;
  v_after bigint;
  v_held_after bigint;
  v_hash bytea;
  v_entry bigint;
begin
  update wallet w set
    available = w.available + v_available,
    held = w.held + v_held,
    spent = w.spent + v_spent,
    granted = w.granted + v_available + v_held + v_spent,
    entries = w.entries + 1,
    chain = entry_hash_v1(p_key, w.chain, entry_content_v1(p_account, w.entries + 1, p_kind, p_topic, p_debit,
      p_credit, p_amount, w.available, w.available + v_available, w.held + v_held, p_effect, p_task, p_reason,
      p_operator, p_ip, p_device, v_at))
  where w.account_id = p_account
    and (v_available >= 0 or w.available + w.credit_limit + v_available >= 0)
  returning w.entries, w.available, w.held, w.chain into v_sequence, v_after, v_held_after, v_hash;
  if not found then
    return null;
  end if;
  insert into entry (account_id, sequence, kind, topic, debit, credit, amount, available_before, available_after,
    held_after, effect, task_id, reason, operator_id, ip, device, created_at, hash)
  values (p_account, v_sequence, p_kind, p_topic, p_debit, p_credit, p_amount, v_after - v_available, v_after,
    v_held_after, p_effect, p_task, p_reason, p_operator, p_ip, p_device, v_at, v_hash)
  returning id into v_entry;
  return v_entry;
end $$;

-- Settles a hold once: p_capture of it is paid, the rest goes back. Returns what was captured, or null when
-- the hold had been settled before. Asking for more than was held raises check_violation.
create or replace function resolve_hold_v1(p_key bytea, p_hold bigint, p_capture bigint) returns bigint
language plpgsql as $$
declare
  v_hold hold;
  v_topic text;
begin
  update hold set
    state = case when p_capture > 0 or amount = 0 then 'captured' else 'released' end,
    captured = p_capture,
    resolved_at = clock_timestamp()
  where id = p_hold and state = 'open'
  returning * into v_hold;
  if not found then
    return null;
  end if;
  if v_hold.amount = 0 then
    return 0;
  end if;
  select kind into v_topic from task where id = v_hold.task_id;
  if p_capture > 0 then
    perform post_entry_v1(p_key, v_hold.account_id, 'capture', v_topic, 'held', 'revenue', p_capture,
      'resolve:' || p_hold, v_hold.task_id, null, null, null, null);
  end if;
  if p_capture < v_hold.amount then
    perform post_entry_v1(p_key, v_hold.account_id, case when p_capture = 0 then 'release' else 'difference' end,
      v_topic, 'held', 'available', v_hold.amount - p_capture,
      case when p_capture = 0 then 'resolve:' else 'difference:' end || p_hold, v_hold.task_id,
      null, null, null, null);
  end if;
  return p_capture;
end $$;
