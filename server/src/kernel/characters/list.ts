import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
import type { Character } from './character.ts'
import { CHARACTER_VIEW } from './character.ts'

export type CharacterRequest = PageRequest & {
  type: string | null
  /** Whether the house's characters are shown behind the caller's own. */
  withHouse: boolean
}

const WHERE = `(account_id = $1 or ($2 and account_id is null)) and ($3::text is null or type = $3)`
const listRows = statement(
  'usable characters',
  `select ${CHARACTER_VIEW} from character where ${WHERE}
   order by account_id is null, case when account_id is null then id else -id end limit $4 offset $5`,
)
const countRows = statement(
  'count usable characters',
  `select count(*) as total from character where ${WHERE}`,
)

/** Characters that the caller may use: the own ones, newest first, then the house's in the order it names them. */
export async function listCharacters(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  { page, limit, type, withHouse }: CharacterRequest,
): Promise<Page<Character>> {
  const values = [actor.accountId, withHouse, type]
  const [items, [count]] = await Promise.all([
    context.db.rows<Character>(listRows, [...values, limit, (page - 1) * limit]),
    context.db.rows<{ total: bigint }>(countRows, values),
  ])
  return toPage({ page, limit }, items, count?.total ?? 0)
}
