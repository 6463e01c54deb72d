-- Sessions that last longer than their tokens, and who makes a model that is reached over a wire of somebody else.

-- Which refresh token of a session is the current one. A session that is asked with an older one has been stolen
-- from and ends; the one before is forgiven for a moment, for an answer may be lost on its way.
alter table session
  add column refresh_number integer not null default 1 check (refresh_number > 0),
  add column refreshed_at timestamptz not null default now();

-- The vendor of a model in its operator's words; null where nobody said.
alter table model add column vendor text check (char_length(vendor) between 1 and 60);
