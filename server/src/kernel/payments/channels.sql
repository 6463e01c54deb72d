-- Changes what is not null of a channel. Another address, merchant or key makes a new version of the merchant
-- account; the old one is kept, because the orders opened with it still have to be verified. p_secret is sealed and
-- null when it is the same as before. Returns false when there is no such channel.
create or replace function update_channel_v1(
  p_channel bigint, p_name text, p_enabled boolean, p_url text, p_merchant text, p_secret bytea) returns boolean
language plpgsql as $$
declare
  v_channel payment_channel;
  v_is_new boolean;
begin
  select * into v_channel from payment_channel where id = p_channel and deleted_at is null for no key update;
  if not found then
    return false;
  end if;
  v_is_new := coalesce(p_url, v_channel.url) <> v_channel.url
    or coalesce(p_merchant, v_channel.merchant) <> v_channel.merchant or p_secret is not null;
  if v_is_new then
    insert into retired_channel_account (channel_id, version, url, merchant, secret)
    values (p_channel, v_channel.account_version, v_channel.url, v_channel.merchant, v_channel.secret);
  end if;
  update payment_channel set
    name = coalesce(p_name, name), enabled = coalesce(p_enabled, enabled), url = coalesce(p_url, url),
    merchant = coalesce(p_merchant, merchant), secret = coalesce(p_secret, secret),
    account_version = account_version + v_is_new::int, updated_at = now()
  where id = p_channel;
  return true;
end $$;
