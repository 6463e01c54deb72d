-- What owners do to their works. The row lock puts edits one behind the other, and each keeps what it replaces: of
-- two that come at once neither is lost.

-- Null leaves the title or the text as it is. outcome: 'edited', 'unchanged', 'not_found' (missing, deleted or another's),
-- 'no_text' (what has no text of its own, or not yet).
create or replace function edit_work_v1(p_account bigint, p_work bigint, p_title text, p_body text) returns text
language plpgsql as $$
declare
  v_work work;
  -- Earlier versions that are kept of one work; an owner could otherwise fill the disk.
  v_most constant int := 200;
begin
  select * into v_work from work where id = p_work and account_id = p_account and deleted_at is null for update;
  if not found then
    return 'not_found';
  end if;
  if p_body is not null and (v_work.kind <> 'text' or v_work.state <> 'ready') then
    return 'no_text';
  end if;
  if coalesce(p_title, v_work.title) = v_work.title and (p_body is null or p_body = v_work.body) then
    return 'unchanged';
  end if;
  insert into work_version (work_id, version, title, body, created_at)
  values (p_work, v_work.version, v_work.title, v_work.body, coalesce(v_work.updated_at, v_work.created_at));
  delete from work_version where work_id = p_work and version <= v_work.version - v_most;
  update work set version = version + 1, title = coalesce(p_title, title), body = coalesce(p_body, body),
    is_cut = is_cut and p_body is null, updated_at = now()
  where id = p_work;
  return 'edited';
end $$;

-- Makes an earlier version the latest again; what it replaces stays as a version. outcome as of edit_work_v1, and
-- 'no_version'.
create or replace function restore_work_v1(p_account bigint, p_work bigint, p_version bigint) returns text
language plpgsql as $$
declare
  v_version work_version;
begin
  -- Locked before the version is read, so that no edit in between drops it.
  perform from work where id = p_work and account_id = p_account and deleted_at is null for update;
  if not found then
    return 'not_found';
  end if;
  select * into v_version from work_version where work_id = p_work and version = p_version;
  if not found then
    return case when exists (select from work where id = p_work and version = p_version) then 'unchanged'
      else 'no_version' end;
  end if;
  return edit_work_v1(p_account, p_work, v_version.title, case when v_version.body is not null
    and exists (select from work where id = p_work and kind = 'text') then v_version.body end);
end $$;
