-- The square. Whether a work is shown follows from the work and its owner's account by triggers, so that no way to
-- unpublish, delete or ban can forget the feeds. Locks are taken in one order: account, work, standing, showing,
-- showing_count; of several works by their numbers.

-- How hot a work is, in seconds: when it was first shown, and six hours more for every doubling of what it was given (a
-- like is one, a favorite two, a view a tenth, on top of one). Time passes for all alike, so a stored heat is right
-- until a like, favorite or view comes; and as it moves in steps of five minutes, ten thousand views move it some seven
-- hundred times only.
create or replace function heat_v1(p_published timestamptz, p_likes int, p_favorites int, p_views bigint)
returns bigint language sql stable as $$
  select floor(extract(epoch from p_published))::bigint
    + 300 * floor(72 * ln(1 + p_likes + 2.0::float8 * p_favorites + p_views / 10.0::float8) / ln(2.0::float8))::bigint
$$;

-- Puts a work on the square, or takes it off, when something changed that decides it.
create or replace function keep_showing_v1() returns trigger language plpgsql as $$
begin
  if new.is_public and new.deleted_at is null and new.state = 'ready' and new.kind in ('image', 'video') then
    -- Whoever bans the account waits for this lock, or this for the ban.
    perform from account where id = new.account_id and state = 'active' for share;
    if found then
      insert into standing (work_id, kind, is_shown) values (new.id, new.kind, true)
      on conflict (work_id) do update set is_shown = true where not standing.is_shown;
      insert into showing (work_id, account_id, kind, published_at, heat)
      select s.work_id, new.account_id, s.kind, s.published_at, heat_v1(s.published_at, s.likes, s.favorites, s.views)
      from standing s where s.work_id = new.id
      on conflict (work_id) do nothing;
      return null;
    end if;
  end if;
  update standing set is_shown = false where work_id = new.id and is_shown;
  delete from showing where work_id = new.id;
  return null;
end $$;
create or replace trigger a_work_is_shown_while_it_is_public
  after update of is_public, state, deleted_at on work
  for each row when (old.is_public or new.is_public) execute function keep_showing_v1();

-- Takes all works of a disabled or closed account off the square, and puts those of one that is active again back.
create or replace function keep_showings_of_account_v1() returns trigger language plpgsql as $$
begin
  if new.state <> 'active' then
    perform from standing s where s.work_id in (select h.work_id from showing h where h.account_id = new.id)
    order by s.work_id for no key update;
    update standing s set is_shown = false
    where s.work_id in (select h.work_id from showing h where h.account_id = new.id) and s.is_shown;
    delete from showing where account_id = new.id;
  else
    -- Locked: one that is taken back or deleted meanwhile must not be shown by what was read of it before.
    perform from work w where w.account_id = new.id and w.is_public and w.deleted_at is null
    order by w.id for no key update;
    perform from standing s join work w on w.id = s.work_id
    where w.account_id = new.id and w.is_public and w.deleted_at is null
    order by s.work_id for no key update of s;
    with shown as (
      insert into standing (work_id, kind, is_shown)
      select w.id, w.kind, true from work w
      where w.account_id = new.id and w.is_public and w.deleted_at is null and w.state = 'ready'
        and w.kind in ('image', 'video')
      order by w.id
      on conflict (work_id) do update set is_shown = true
      returning work_id, kind, published_at, likes, favorites, views)
    insert into showing (work_id, account_id, kind, published_at, heat)
    select work_id, new.id, kind, published_at, heat_v1(published_at, likes, favorites, views) from shown
    on conflict (work_id) do nothing;
  end if;
  return null;
end $$;
create or replace trigger works_are_shown_while_their_owner_may_log_in
  after update of state on account
  for each row when ((old.state = 'active') <> (new.state = 'active')) execute function keep_showings_of_account_v1();

-- Counts what came and went, each connection in its own share.
create or replace function count_showings_v1() returns trigger language plpgsql as $$
begin
  insert into showing_count as c (kind, share, shown)
  select kind, pg_backend_pid() % 64, case tg_op when 'INSERT' then count(*) else -count(*) end
  from changed group by kind order by kind
  on conflict (kind, share) do update set shown = c.shown + excluded.shown;
  return null;
end $$;
create or replace trigger showings_that_come_are_counted after insert on showing
  referencing new table as changed for each statement execute function count_showings_v1();
create or replace trigger showings_that_go_are_counted after delete on showing
  referencing old table as changed for each statement execute function count_showings_v1();

-- Changes what is not null of the owner's work: whether it is public, and its title.
-- outcome: 'done', 'not_found' (missing, deleted or another's), 'not_ready' (it has nothing to show, or not yet).
create or replace function show_work_v1(p_account bigint, p_work bigint, p_public boolean, p_title text) returns text
language plpgsql as $$
declare
  v_work work;
begin
  if p_public then
    perform from account where id = p_account for share;
  end if;
  select * into v_work from work where id = p_work and account_id = p_account and deleted_at is null for update;
  if not found then
    return 'not_found';
  end if;
  if p_public and (v_work.state <> 'ready' or v_work.kind not in ('image', 'video')) then
    return 'not_ready';
  end if;
  if p_title is not null then
    perform edit_work_v1(p_account, p_work, p_title, null);
  end if;
  if p_public <> v_work.is_public then
    update work set is_public = p_public where id = p_work;
  end if;
  return 'done';
end $$;

-- Likes a work that is shown, or takes the like back; p_mark 'favorite' does the same with favorites. The lock puts the
-- toggles of one work one behind the other, so each sees what the one before it left. Nulls when it is not shown.
create or replace function toggle_mark_v1(
  p_mark text, p_account bigint, p_work bigint, out is_set boolean, out marks int)
language plpgsql as $$
declare
  v_standing standing;
  v_heat bigint;
begin
  select * into v_standing from standing where work_id = p_work and is_shown for no key update;
  if not found then
    return;
  end if;
  if p_mark = 'like' then
    delete from work_like where work_id = p_work and account_id = p_account;
    is_set := not found;
    if is_set then
      insert into work_like (work_id, account_id) values (p_work, p_account);
    end if;
    v_standing.likes := v_standing.likes + case when is_set then 1 else -1 end;
    marks := v_standing.likes;
  else
    delete from work_favorite where work_id = p_work and account_id = p_account;
    is_set := not found;
    if is_set then
      insert into work_favorite (work_id, account_id) values (p_work, p_account);
    end if;
    v_standing.favorites := v_standing.favorites + case when is_set then 1 else -1 end;
    marks := v_standing.favorites;
  end if;
  update standing set likes = v_standing.likes, favorites = v_standing.favorites where work_id = p_work;
  v_heat := heat_v1(v_standing.published_at, v_standing.likes, v_standing.favorites, v_standing.views);
  update showing set heat = v_heat where work_id = p_work and heat <> v_heat;
end $$;

-- Counts views of works that are shown, each viewer of a work once within p_again; p_works and p_viewers go together and
-- no pair comes twice. Answers each work with its views as they then are; one that is not shown is left out.
create or replace function count_views_v1(p_works bigint[], p_viewers bytea[], p_at timestamptz, p_again interval)
returns table (work bigint, viewer bytea, is_counted boolean, views bigint)
language plpgsql as $$
#variable_conflict use_column
begin
  perform from standing s where s.work_id = any (p_works) and s.is_shown order by s.work_id for no key update;
  return query
  with asked as (
    select a.work, a.viewer from unnest(p_works, p_viewers) as a (work, viewer)
    join standing s on s.work_id = a.work and s.is_shown),
  seen as (
    insert into work_view as v (work_id, viewer, seen_at)
    select a.work, a.viewer, p_at from asked a order by a.work, a.viewer
    on conflict (work_id, viewer) do update set seen_at = excluded.seen_at
      where v.seen_at <= p_at - p_again
    returning v.work_id, v.viewer),
  counted as (
    update standing s set views = s.views + n.new_views
    from (select seen.work_id, count(*) as new_views from seen group by seen.work_id) n
    where s.work_id = n.work_id
    returning s.work_id, s.views, heat_v1(s.published_at, s.likes, s.favorites, s.views) as heat),
  warmed as (
    update showing h set heat = c.heat from counted c where h.work_id = c.work_id and h.heat <> c.heat)
  select a.work, a.viewer, seen.viewer is not null, coalesce(c.views, s.views)
  from asked a
  join standing s on s.work_id = a.work
  left join seen on seen.work_id = a.work and seen.viewer = a.viewer
  left join counted c on c.work_id = a.work;
end $$;
