-- Accounts, their sessions and the codes that prove an e-mail address.

create table account (
  id bigint generated always as identity primary key,
  uuid uuid not null unique,
  username text not null check (char_length(username) between 1 and 64),
  -- Stored trimmed and lower-cased; two spellings of one address are one address.
  email text check (email = lower(email) and char_length(email) <= 254),
  password_hash text not null,
  role text not null default 'user' check (role in ('user', 'admin')),
  -- A closed account is a deleted user: it cannot return, and its ledger stays.
  state text not null default 'active' check (state in ('active', 'disabled', 'closed')),
  -- Raised to end every session of the account at once.
  session_version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index one_account_per_username on account (lower(username));
create unique index one_account_per_email on account (email) where email is not null;

create table session (
  id uuid primary key,
  account_id bigint not null references account (id),
  -- The account's session_version when it began; a session of an older version has ended.
  version integer not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz
);
create index sessions_of_account on session (account_id);
create index sessions_by_expiry on session (expires_at);

-- One row per address and purpose: tries are counted on the latest code, whichever code is guessed (W1).
create table email_code (
  email text not null,
  purpose text not null check (purpose in ('register', 'login', 'reset_password')),
  -- HMAC of code, address and purpose; the code itself is only in the mail.
  code_hash bytea not null,
  -- Tells two codes of one address apart, so that a failed mail restores only its own.
  issue uuid not null,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  tries integer not null default 0,
  used_at timestamptz,
  primary key (email, purpose)
);
create index email_codes_by_expiry on email_code (expires_at);
