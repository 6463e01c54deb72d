import type pg from 'pg'

const ACCOUNTS = 1_000

/** What the seeded books say, to compare an export with. */
export type Seeded = { transactions: number; sum: bigint }

/**
 * Fills a database with `count` statement rows of a thousand accounts, and a tenth as many captures that are none,
 * as a year of trade would. The chain of hashes is not true: for databases that are only read and thrown away.
 *
 * @returns how many rows an export has and what their amounts add up to, in units.
 */
export async function seedTransactions(pool: pg.Pool, count: number): Promise<Seeded> {
  const { rows } = await pool.query<{ first: bigint }>(
    `with opened as (
       insert into account (uuid, username, password_hash)
       select gen_random_uuid(), 'seed' || n, '-' from generate_series(1, $1::int) n returning id),
     wallets as (insert into wallet (account_id) select id from opened)
     select min(id) as first from opened`,
    [ACCOUNTS],
  )
  const first = rows[0]?.first
  // The site's connections give up after a minute; on a busy machine a million rows take longer.
  const client = await pool.connect()
  try {
    await client.query('set statement_timeout = 0')
    await client.query(
      `insert into entry (account_id, sequence, kind, topic, debit, credit, amount, available_before, available_after,
         held_after, reason, ip, device, created_at, hash)
       select $1::bigint + (n - 1) % $2, s, kind, case when kind = 'hold' then 'image' end,
         case when kind = 'hold' then 'available' when kind = 'capture' then 'held' else 'grants' end,
         case when kind = 'hold' then 'held' when kind = 'capture' then 'revenue' else 'available' end,
         10000, before * 10000, case when kind = 'capture' then before else after end * 10000, 0,
         case when kind = 'adjustment' then '=HYPERLINK("http://example.com"), 充值' || chr(10) || '第二行' end,
         '198.51.100.7', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
         -- Over three hundred days, and over an hour ago: an export ends where it began.
         now() - interval '1 hour' - interval '300 days' * (1 - n / ($3::int * 1.1)),
         decode(md5(n::text) || md5((-n)::text), 'hex')
       from generate_series(1, $3::int + $3::int / 10) n
       cross join lateral (select 1 + (n - 1) / $2 as s) of_account
       cross join lateral (select
         (s - 1) / 2 + 2 * ((s - 1) % 2) as before, s / 2 + 2 * (s % 2) as after,
         case when n > $3 then 'capture' when s % 2 = 0 then 'hold' when n % 1000 = 1 and s % 4 = 1 then 'adjustment'
           when s = 1 then 'bonus' else 'purchase' end as kind) as row`,
      [first, ACCOUNTS, count],
    )
    // As autovacuum does in time: counting from the index alone needs its map of what is visible.
    await client.query('vacuum analyze entry')
  } finally {
    client.release(true)
  }
  return { transactions: count, sum: sumOf(count) }
}

/** Each account's amounts go +2, -1, +2 …; the accounts take turns. */
function sumOf(count: number): bigint {
  let sum = 0n
  for (let account = 0; account < ACCOUNTS; account += 1) {
    const rows = BigInt(Math.floor(count / ACCOUNTS) + (account < count % ACCOUNTS ? 1 : 0))
    sum += rows / 2n + (rows % 2n) * 2n
  }
  return sum
}
