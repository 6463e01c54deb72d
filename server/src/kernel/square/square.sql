-- What owners and visitors do to works that are shown. Each is one statement; the row of the exhibit is locked first, so
-- that its counters are always the number of rows they stand for.

-- Where a work stands among the hot ones: ten times the interest outweighs 12.5 hours of age. It only changes when
-- somebody does something to this work, so nothing ever has to be swept.
create or replace function heat_v1(p_likes int, p_favorites int, p_views int, p_shown_at timestamptz)
returns double precision language sql immutable as $$
  select log(greatest(1, 3 * p_likes + 5 * p_favorites + p_views)::numeric)::double precision
    + extract(epoch from p_shown_at)::double precision / 45000
$$;

-- Shows a work or takes it away, and gives it a title; null leaves the one or the other as it is. What is not finished
-- appears when it is. outcome: 'done', 'not_found' (missing, deleted, another's, or nothing to look at).
create or replace function show_work_v1(p_account bigint, p_work bigint, p_public boolean, p_title text) returns text
language plpgsql as $$
declare
  v_work work;
  v_visible boolean;
begin
  select * into v_work from work
  where id = p_work and account_id = p_account and deleted_at is null and kind in ('image', 'video') for update;
  if not found then
    return 'not_found';
  end if;
  if p_title is not null then
    perform edit_work_v1(p_account, p_work, p_title, null);
  end if;
  if p_public is not null then
    v_visible := p_public and v_work.state = 'ready'
      and exists (select from account where id = p_account and state = 'active');
    insert into exhibit as e (work_id, account_id, kind, is_public, is_visible, heat)
    values (p_work, p_account, v_work.kind, p_public, v_visible, heat_v1(0, 0, 0, now()))
    on conflict (work_id) do update set is_public = p_public, is_visible = v_visible,
      shown_at = case when e.is_public or not p_public then e.shown_at else now() end,
      heat = case when e.is_public or not p_public then e.heat else heat_v1(e.likes, e.favorites, e.views, now()) end
    where (e.is_public, e.is_visible) is distinct from (p_public, v_visible);
  end if;
  return 'done';
end $$;

-- Likes or keeps a work, or takes that back. `is_on` is how it then is, `count` of how many; both null when the work is
-- not shown.
create or replace function toggle_reaction_v1(
  p_account bigint, p_work bigint, p_kind text, out is_on boolean, out count int)
language plpgsql as $$
declare
  v_change int;
begin
  perform from exhibit where work_id = p_work and is_visible for no key update;
  if not found then
    return;
  end if;
  delete from reaction where work_id = p_work and kind = p_kind and account_id = p_account;
  is_on := not found;
  if is_on then
    insert into reaction (account_id, work_id, kind) values (p_account, p_work, p_kind);
  end if;
  v_change := case when is_on then 1 else -1 end;
  update exhibit e set
    likes = likes + case when p_kind = 'like' then v_change else 0 end,
    favorites = favorites + case when p_kind = 'favorite' then v_change else 0 end,
    heat = heat_v1(likes + case when p_kind = 'like' then v_change else 0 end,
      favorites + case when p_kind = 'favorite' then v_change else 0 end, views, shown_at)
  where work_id = p_work
  returning case when p_kind = 'like' then e.likes else e.favorites end into count;
end $$;

-- Counts a look at a work, once per viewer and hour. Null when the work is not shown.
create or replace function count_view_v1(p_work bigint, p_viewer bytea, out counted boolean, out views int)
language plpgsql as $$
begin
  select e.views into views from exhibit e where work_id = p_work and is_visible;
  if not found then
    return;
  end if;
  insert into exhibit_view (work_id, viewer, hour) values (p_work, p_viewer, date_trunc('hour', now()))
  on conflict do nothing;
  counted := found;
  if counted then
    update exhibit e set views = e.views + 1, heat = heat_v1(e.likes, e.favorites, e.views + 1, e.shown_at)
    where work_id = p_work returning e.views into views;
  end if;
end $$;

-- Counts that the owner passed a finished work on. Returns how often so far; null when it is not there to be passed on.
create or replace function count_share_v1(p_account bigint, p_work bigint) returns int language plpgsql as $$
declare
  v_shares int;
begin
  insert into exhibit as e (work_id, account_id, kind, shares, heat)
  select id, account_id, kind, 1, heat_v1(0, 0, 0, now()) from work
  where id = p_work and account_id = p_account and deleted_at is null and state = 'ready' and kind in ('image', 'video')
  on conflict (work_id) do update set shares = e.shares + 1
  returning shares into v_shares;
  return v_shares;
end $$;
