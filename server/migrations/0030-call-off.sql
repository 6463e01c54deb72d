-- Jobs at vendors whose task was ended by somebody else are called off (kernel/generation/call-off.ts).

alter table attempt
  -- How often its vendor was told, or was about to be.
  add column call_offs smallint not null default 0,
  -- When it may be told again: whoever raises the count has it until then, also when that process dies.
  add column call_off_due_at timestamptz,
  -- The vendor knows, or nobody there would listen.
  add column called_off_at timestamptz;
create index attempts_to_call_off on attempt (started_at)
  where state in ('abandoned', 'unknown') and operation is not null and called_off_at is null and call_offs < 3;
