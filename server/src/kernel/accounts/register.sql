-- Opens an account with its wallet, its sign-up bonus and its first session, and uses up the e-mail code that
-- proved the address: all of it or nothing (W18). Returns the account's id, or null when the code of p_issue
-- has been used or replaced meanwhile. A taken name or address raises unique_violation on
-- one_account_per_username or one_account_per_email.
create or replace function register_account_v1(
  p_key bytea, p_uuid uuid, p_username text, p_email text, p_password_hash text, p_role text,
  p_bonus bigint, p_bonus_reason text, p_issue uuid, p_session uuid, p_session_ends timestamptz) returns bigint
language plpgsql as $$
declare
  v_account bigint;
begin
  if p_issue is not null then
    update email_code set used_at = now()
    where email = p_email and purpose = 'register' and issue = p_issue and used_at is null;
    if not found then
      return null;
    end if;
  end if;
  insert into account (uuid, username, email, password_hash, role)
  values (p_uuid, p_username, p_email, p_password_hash, p_role) returning id into v_account;
  insert into wallet (account_id) values (v_account);
  if p_bonus > 0 then
    perform post_entry_v1(p_key, v_account, 'bonus', null, 'grants', 'available', p_bonus,
      'bonus:register:' || v_account, null, p_bonus_reason, null, null, null);
  end if;
  if p_session is not null then
    insert into session (id, account_id, version, expires_at) values (p_session, v_account, 1, p_session_ends);
  end if;
  return v_account;
end $$;
