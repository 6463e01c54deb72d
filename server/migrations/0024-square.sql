-- The square: works that their owners made public, in feeds that stay fast, and how they were received.
-- docs/decisions/0013 says why these are three tables and which figures they were measured by.

-- What its owner wants. Whether a work is really shown also depends on the work and on the owner's account.
alter table work
  add column is_public boolean not null default false,
  -- How often its owner asked for an address to pass on.
  add column shares integer not null default 0 check (shares >= 0);

-- How a work was received. Its row is made when it is first shown, and stays when it is not shown any more.
create table standing (
  work_id bigint primary key references work (id),
  kind text not null check (kind in ('image', 'video')),
  is_shown boolean not null,
  -- When it was first shown: taking it back and showing it again is no way to the top of the latest.
  published_at timestamptz not null default now(),
  likes integer not null default 0 check (likes >= 0),
  favorites integer not null default 0 check (favorites >= 0),
  views bigint not null default 0 check (views >= 0)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
-- A page is found in these alone, whatever stands before it; its rows are read afterwards.
create index standings_by_likes on standing (likes desc, work_id desc) where is_shown;
create index standings_by_likes_of_kind on standing (kind, likes desc, work_id desc) where is_shown;
create index standings_by_views on standing (views desc, work_id desc) where is_shown;
create index standings_by_views_of_kind on standing (kind, views desc, work_id desc) where is_shown;

-- A work that is shown now, and its places in the feeds. Apart from its standing, because that changes with every like
-- and view and this does not: what does not change can be read in the index without a look at the row.
create table showing (
  work_id bigint primary key references standing (work_id),
  account_id bigint not null references account (id),
  kind text not null check (kind in ('image', 'video')),
  published_at timestamptz not null,
  -- See heat_v1.
  heat bigint not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
create index showings_by_time on showing (published_at desc, work_id desc);
create index showings_by_time_of_kind on showing (kind, published_at desc, work_id desc);
create index showings_by_heat on showing (heat desc, work_id desc);
create index showings_by_heat_of_kind on showing (kind, heat desc, work_id desc);
create index showings_of_account on showing (account_id);

-- How many are shown, as the sum of a few rows: one row for all would put everybody who publishes in a queue. Each
-- database connection has its own share, so one share may be below zero and the sum never is.
create table showing_count (
  kind text not null,
  share integer not null,
  shown bigint not null,
  primary key (kind, share)
) with (fillfactor = 50);

-- They refer to the standing, whose lock a like already has, and not to the work, which others lock before it.
create table work_like (
  work_id bigint not null references standing (work_id),
  account_id bigint not null references account (id),
  created_at timestamptz not null default now(),
  constraint one_like_per_account_of_a_work primary key (work_id, account_id)
);
create table work_favorite (
  work_id bigint not null references standing (work_id),
  account_id bigint not null references account (id),
  created_at timestamptz not null default now(),
  constraint one_favorite_per_account_of_a_work primary key (work_id, account_id)
);

-- Who has seen what within the last hour, so that nobody counts twice in it; swept after that. A viewer is a keyed hash.
create table work_view (
  work_id bigint not null,
  viewer bytea not null check (octet_length(viewer) = 16),
  seen_at timestamptz not null,
  constraint one_view_per_viewer_of_a_work primary key (work_id, viewer)
);
