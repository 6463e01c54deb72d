-- Works that their owners show to everybody: what the feeds are made of, and how often each was liked, kept and looked at.

-- One row per work that was ever shown or shared. The feeds read nothing else to find a page, so everything that decides
-- whether a row is in them is here: `is_visible` follows the work, its owner and the owner's wish.
create table exhibit (
  work_id bigint primary key references work (id),
  account_id bigint not null references account (id),
  kind text not null check (kind in ('image', 'video')),
  -- Its owner wants it shown; set before it is finished, it appears when it is.
  is_public boolean not null default false,
  is_visible boolean not null default false,
  shown_at timestamptz not null default now(),
  likes integer not null default 0 check (likes >= 0),
  favorites integer not null default 0 check (favorites >= 0),
  views integer not null default 0 check (views >= 0),
  shares integer not null default 0 check (shares >= 0),
  -- Where it stands among the hot ones; see heat_v1.
  heat double precision not null default 0,
  constraint only_what_is_public_is_visible check (is_public or not is_visible)
) with (
  -- A page far back is found by the index alone as long as the table is vacuumed: soon after rows came, not after a fifth.
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02
);
-- A feed is one of these, read from its end.
create index exhibits_by_heat on exhibit (heat, work_id) where is_visible;
create index exhibits_by_heat_of_images on exhibit (heat, work_id) where is_visible and kind = 'image';
create index exhibits_by_heat_of_videos on exhibit (heat, work_id) where is_visible and kind = 'video';
create index exhibits_by_time on exhibit (shown_at, work_id) where is_visible;
create index exhibits_by_time_of_images on exhibit (shown_at, work_id) where is_visible and kind = 'image';
create index exhibits_by_time_of_videos on exhibit (shown_at, work_id) where is_visible and kind = 'video';
create index exhibits_by_likes on exhibit (likes, work_id) where is_visible;
create index exhibits_by_likes_of_images on exhibit (likes, work_id) where is_visible and kind = 'image';
create index exhibits_by_likes_of_videos on exhibit (likes, work_id) where is_visible and kind = 'video';
create index exhibits_by_views on exhibit (views, work_id) where is_visible;
create index exhibits_by_views_of_images on exhibit (views, work_id) where is_visible and kind = 'image';
create index exhibits_by_views_of_videos on exhibit (views, work_id) where is_visible and kind = 'video';
create index exhibits_of_account on exhibit (account_id);

-- How many a feed has, in sixteen parts, so that two who publish at once seldom wait for each other.
create table exhibit_total (
  kind text not null,
  part smallint not null,
  count bigint not null default 0,
  primary key (kind, part)
) with (fillfactor = 50);
insert into exhibit_total (kind, part)
select kind, part from unnest(array['image', 'video']) kind, generate_series(0, 15) part;

create function count_exhibit() returns trigger language plpgsql as $$
declare
  v_change int := coalesce(new.is_visible, false)::int - (tg_op = 'UPDATE' and old.is_visible)::int;
begin
  if v_change <> 0 then
    update exhibit_total set count = count + v_change where kind = new.kind and part = pg_backend_pid() % 16;
  end if;
  return null;
end $$;
create trigger shown_exhibits_are_counted after insert on exhibit
  for each row when (new.is_visible) execute function count_exhibit();
create trigger exhibits_that_appear_or_vanish_are_counted after update of is_visible on exhibit
  for each row when (old.is_visible <> new.is_visible) execute function count_exhibit();

-- Finished, deleted or made again: the exhibit follows its work.
create function exhibit_follows_work() returns trigger language plpgsql as $$
begin
  update exhibit e set is_visible = e.is_public and new.state = 'ready' and new.deleted_at is null
    and exists (select from account where id = e.account_id and state = 'active')
  where e.work_id = new.id
    and e.is_visible <> (e.is_public and new.state = 'ready' and new.deleted_at is null
      and exists (select from account where id = e.account_id and state = 'active'));
  return null;
end $$;
create trigger exhibits_follow_their_works after update of state, deleted_at on work for each row
  when (old.state <> new.state or (old.deleted_at is null) <> (new.deleted_at is null))
  execute function exhibit_follows_work();

-- What somebody who was disabled or left has shown is gone while that lasts.
create function exhibits_follow_account() returns trigger language plpgsql as $$
begin
  update exhibit e set is_visible = new.state = 'active' and e.is_public
    and exists (select from work w where w.id = e.work_id and w.state = 'ready' and w.deleted_at is null)
  where e.account_id = new.id and e.is_public;
  return null;
end $$;
create trigger exhibits_follow_their_owners after update of state on account for each row
  when (old.state <> new.state) execute function exhibits_follow_account();

-- Who liked and who keeps what.
create table reaction (
  account_id bigint not null references account (id),
  work_id bigint not null references exhibit (work_id),
  kind text not null check (kind in ('like', 'favorite')),
  created_at timestamptz not null default now(),
  primary key (work_id, kind, account_id)
);
create index reactions_of_account on reaction (account_id, kind, work_id);

-- Who looked at what in which hour. The viewer is a keyed hash, never an address; rows of past hours are swept.
create table exhibit_view (
  work_id bigint not null,
  viewer bytea not null,
  hour timestamptz not null,
  primary key (work_id, viewer, hour)
);
create index exhibit_views_by_hour on exhibit_view (hour);
