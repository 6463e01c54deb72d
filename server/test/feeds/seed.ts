import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'

const ACCOUNTS = 1_000

/**
 * Fills a database with `count` pictures and clips that a thousand accounts show, with tasks, holds and files as the real
 * ones have. No money moved for them: for databases that are only read and thrown away. One in four is a clip; likes,
 * looks and ages differ. Triggers and foreign keys are passed over while it lasts, so the totals are written here.
 */
export async function seedSquare(pool: pg.Pool, count: number, isVacuumed = true): Promise<void> {
  const client = await pool.connect()
  try {
    // A commit that is not on its way to the disk yet is not known to be one, and vacuum would pass its rows over.
    await client.query('set statement_timeout = 0; set synchronous_commit = on')
    await client.query(
      `insert into account (uuid, username, password_hash)
       select gen_random_uuid(), 'seed' || n, '-' from generate_series(1, $1::int) n`,
      [ACCOUNTS],
    )
    await client.query('set session_replication_role = replica')
    await client.query(
      `create temp table seeded as
       select nextval('task_id_seq') as task_id, nextval('work_id_seq') as work_id, nextval('hold_id_seq') as hold_id,
         (select min(id) from account where username like 'seed%') + n % ${ACCOUNTS} as account_id, n,
         case when n % 4 = 0 then 'video' else 'image' end as kind,
         now() - interval '400 days' * (n::float8 / $1) as at,
         (abs(hashint4(n)) % 200)::int as likes, (abs(hashint4(n + 1)) % 60)::int as favorites,
         (abs(hashint4(n + 2)) % 20000)::int as views
       from generate_series(1, $1::int) n`,
      [count],
    )
    await client.query(
      `insert into hold (id, account_id, task_id, amount, free_reason, state, deadline) overriding system value
       select hold_id, account_id, task_id, 0, 'seed', 'captured', at from seeded`,
    )
    await client.query(
      `insert into task (id, handle, account_id, kind, state, model_id, price_subject, price_version, input, parameters,
         cost, charged, hold_id, progress, turn, max_attempts, deadline, created_at, updated_at)
       overriding system value
       select task_id, 'seed' || task_id, account_id, kind, 'succeeded', (select min(id) from model), 'kind:image', 1,
         json_build_object('prompt', '江边的灯火与行人，第' || n || '张', 'width', 1024, 'height', 1024, 'count', 1),
         '{"width":1024,"height":1024}', 0, 0, hold_id, 100, n, 3, at, at, at from seeded`,
    )
    await client.query(
      `insert into work (id, task_id, account_id, kind, title, state, is_public, created_at) overriding system value
       select work_id, task_id, account_id, kind, '江边的灯火与行人，第' || n || '张', 'ready', true, at from seeded`,
    )
    await client.query(
      `insert into file (work_id, role, position, store_key, media_type, bytes, width, height)
       select work_id, 'output', 0, md5(n::text) || '.png', 'image/png', 1000000, 1024, 1024 from seeded`,
    )
    await client.query(
      `insert into standing (work_id, kind, is_shown, published_at, likes, favorites, views)
       select work_id, kind, true, at, likes, favorites, views from seeded`,
    )
    await client.query(
      `insert into showing (work_id, account_id, kind, published_at, heat)
       select work_id, account_id, kind, at, heat_v1(at, likes, favorites, views) from seeded`,
    )
    await client.query(
      `insert into showing_count (kind, share, shown) select kind, 0, count(*) from seeded group by kind`,
    )
    await client.query('drop table seeded; set session_replication_role = origin')
  } finally {
    client.release(true)
  }
  if (isVacuumed) await vacuumSquare(pool)
}

/**
 * As autovacuum does in time: what is skipped is only then not looked up in the table. A statement of somebody else that
 * began before the seed was there (autovacuum's own analysis is one) keeps its rows from being known as everybody's, so it
 * comes again until they are.
 */
export async function vacuumSquare(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('set statement_timeout = 0')
    await client.query('vacuum analyze work, task, file, account, showing_count')
    for (let tries = 0; tries < 100; tries += 1) {
      await client.query('vacuum analyze showing, standing')
      const { rows } = await client.query(
        `select from pg_class where relname in ('showing', 'standing') and relallvisible < relpages`,
      )
      if (rows.length === 0) return
      await sleep(200)
    }
    throw new Error('what was seeded is still not visible to everybody')
  } finally {
    client.release(true)
  }
}
