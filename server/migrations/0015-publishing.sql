-- Accounts at platforms, and works published on them.

create table platform_binding (
  id bigint generated always as identity primary key,
  account_id bigint not null references account (id),
  platform text not null,
  -- The account's own number there: what was begun in one account is not finished in another.
  remote_account text not null,
  name text not null,
  -- AES-256-GCM under a key of the installation. Never shown.
  sealed bytea not null,
  -- 'broken' once the platform no longer takes the credentials; binding again mends it.
  state text not null default 'active' check (state in ('active', 'broken')),
  -- Raised whenever the credentials change, so that a late write does not undo a newer one.
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint one_binding_per_account_and_platform unique (account_id, platform)
);

create table publication (
  id bigint generated always as identity primary key,
  account_id bigint not null references account (id),
  work_id bigint not null references work (id),
  -- Title, body, tags and files as they were when it was asked for: a later edit changes no publication.
  content jsonb not null,
  scheduled_at timestamptz,
  created_at timestamptz not null default now()
);

-- One platform of a publication; a row that is its own place in the queue, as a task is.
create table publication_target (
  id bigint generated always as identity primary key,
  publication_id bigint not null references publication (id),
  account_id bigint not null references account (id),
  platform text not null,
  -- Null where nothing is bound: it is handed off.
  binding_id bigint references platform_binding (id),
  state text not null default 'queued' check (
    state in ('queued', 'publishing', 'drafted', 'handed_off', 'in_review', 'published', 'failed', 'unknown')),
  -- When it is claimed next: its schedule, its next step, the end of a lease, or of a hand-off.
  due_at timestamptz,
  worker text,
  -- Raised by every claim: a write that carries an older one changes nothing.
  generation integer not null default 0,
  -- Failures in a row that are known not to have done anything.
  attempts integer not null default 0,
  -- What the next call will do; see ports/platform.ts.
  phase text not null default 'preparing' check (phase in ('preparing', 'acting', 'asking')),
  -- On record before an acting call is made. Found by a later claim, the call may have been done: never repeated.
  acting_at timestamptz,
  operation jsonb,
  remote_account text,
  account_name text,
  remote_id text,
  url text,
  failure text check (failure in ('credentials_wrong', 'address_not_allowed', 'no_permission', 'quota_spent',
    'content_refused', 'content_unfit', 'by_hand_only', 'unavailable', 'unknown')),
  -- Our own address, where the platform refused it.
  failure_address text,
  -- The platform's words, for operators; never shown to users.
  error text,
  handoff_token text constraint one_target_per_handoff_token unique,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  published_at timestamptz,
  constraint one_target_per_platform unique (publication_id, platform),
  constraint open_targets_are_due check (state not in ('queued', 'publishing', 'handed_off') or due_at is not null),
  constraint a_hand_off_has_its_page check (state <> 'handed_off' or handoff_token is not null)
) with (fillfactor = 70);
create index targets_due on publication_target (due_at) where state in ('queued', 'publishing', 'handed_off');
create index targets_of_account on publication_target (account_id, id desc);

alter table idempotency add column publication_id bigint;
