import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { CharacterPreset } from '../preset.ts'

// Follows the code: nobody else may change a character of the house.
const followCharacter = statement(
  'follow preset character',
  `insert into character as c (mention, name, type, description) values ($1, $2, $3, $4)
   on conflict (mention) do update set name = excluded.name, type = excluded.type,
     description = excluded.description, updated_at = now()
   where (c.name, c.type, c.description) is distinct from (excluded.name, excluded.type, excluded.description)`,
)

/** Brings the house's characters of the dialect's preset into the database; run under the preset's lock. */
export async function applyHouseCharacters(db: Queryable, preset: CharacterPreset): Promise<void> {
  for (const { mention, name, type, description } of preset.characters ?? [])
    await db.rows(followCharacter, [mention, name, type, description])
}
