-- What an account says of itself besides its name and address.

alter table account
  -- In the one form that numbers are compared in (kernel/accounts/phone.ts): eleven digits of a Chinese mobile
  -- number, or + and the digits of any other.
  add column phone text check (phone ~ '^(1[3-9][0-9]{9}|\+[1-9][0-9]{6,14})$'),
  add column nickname text check (char_length(nickname) between 1 and 50),
  -- A picture of ours by its store key, which nothing else names, or one on somebody else's server by its address.
  add column avatar text check (char_length(avatar) <= 2000 and avatar ~ '^([a-z0-9]{16,64}\.[a-z0-9]{1,8}$|https?://)');

-- Numbers are given to others in time, so a closed account gives its own free.
create unique index one_account_per_phone on account (phone) where phone is not null and state <> 'closed';

-- How many works an account has is shown with its profile: counted in the index alone.
create index works_ready_of_account on work (account_id) where state = 'ready' and deleted_at is null;
