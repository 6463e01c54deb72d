import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser } from '../../../test/factories.ts'
import { units } from '../money.ts'
import { createCharacter } from './create.ts'
import { deleteCharacter } from './delete.ts'
import { expandMentions } from './mentions.ts'

const FOX = { mention: 'redfox', name: '赤狐', type: 'x', description: '红毛，白尾尖' }
const FOXTROT = { mention: 'redfoxtrot', name: '赤狐舞者', type: 'x', description: '在跳舞' }

let site: TestSite
before(async () => {
  site = await buildSite({ preset: { characters: [FOX, FOXTROT] } })
})
after(() => site.close())

const someone = async () => ({ accountId: (await createUser(site.context, units(0))).accountId })
const own = async (actor: { accountId: bigint }, name: string) =>
  (await createCharacter(site.context, actor, { name, type: 'x', avatar: null })).id
const expand = async (actor: { accountId: bigint }, prompt: string) =>
  (await expandMentions(site.context, actor, prompt)).prompt
const idOf = async (mention: string): Promise<bigint> =>
  (await site.context.db.pool.query('select id from character where mention = $1', [mention])).rows[0].id

test('a mention by handle or by name becomes the name with what a model must know, once', async () => {
  const actor = await someone()
  const told = '赤狐（角色：红毛，白尾尖）'
  for (const mention of ['@redfox', '@RedFox', '@赤狐', '＠赤狐'])
    assert.equal(await expand(actor, `森林里的${mention}在奔跑`), `森林里的${told}在奔跑`)
  const { prompt, characters } = await expandMentions(site.context, actor, '@redfoxtrot and @redfox, @赤狐!')
  assert.equal(prompt, '赤狐舞者（角色：在跳舞） and 赤狐（角色：红毛，白尾尖）, 赤狐!')
  assert.deepEqual(characters, [await idOf('redfoxtrot'), await idOf('redfox')])
})

test('what mentions nobody stays as it is', async () => {
  const actor = await someone()
  for (const prompt of [
    ...['', '@', '@@', 'no mention', '@nobody 你好', 'mail me@redfox.com', 'a.b-@redfox', 'redfox 赤狐'],
    ...['@redfoxes', '@redfo', '@ redfox', '👋🏽 @', '@\n赤狐'],
  ])
    assert.deepEqual(await expandMentions(site.context, actor, prompt), { prompt, characters: [] }, prompt)
})

test('the longest name that fits counts', async () => {
  const actor = await someone()
  await own(actor, '小')
  await own(actor, '小鹿')
  await own(actor, 'Tom')
  await own(actor, 'Tom Sawyer')
  assert.equal(
    await expand(actor, '@小鹿和@小 @tom sawyers @TOM SAWYER'),
    '小鹿（角色）和小（角色） Tom（角色） sawyers Tom Sawyer（角色）',
  )
})

test('own characters come before the house’s and are nobody else’s', async () => {
  const [one, other] = [await someone(), await someone()]
  const id = await own(one, '赤狐')
  const handle = await own(one, 'REDFOXTROT')
  const { prompt, characters } = await expandMentions(site.context, one, '@赤狐 @redfox @redfoxtrot')
  assert.equal(prompt, '赤狐（角色） 赤狐（角色：红毛，白尾尖） REDFOXTROT（角色）')
  assert.deepEqual(characters, [id, await idOf('redfox'), handle])
  assert.equal(await expand(other, '@赤狐'), '赤狐（角色：红毛，白尾尖）')
  await own(one, '私有')
  assert.equal(await expand(other, '@私有'), '@私有')
  // Of two of one name the newer; and without either the house's again.
  const newer = await own(one, '赤狐')
  assert.deepEqual((await expandMentions(site.context, one, '@赤狐')).characters, [newer])
  await deleteCharacter(site.context, one, newer)
  await deleteCharacter(site.context, one, id)
  assert.equal(await expand(one, '@赤狐'), '赤狐（角色：红毛，白尾尖）')
})

test('names that mean something to a regular expression, to SQL or to String.replace mean themselves', async () => {
  const actor = await someone()
  const names = [
    '.*',
    '(a+)+$',
    '[x',
    '\\d{9}',
    '$&',
    "$'",
    '$1',
    '%',
    '_',
    "o'; drop table character; --",
    '🦊‍🔥',
    'İ',
    '__proto__',
    'constructor',
    '@@',
  ]
  for (const name of names) await own(actor, name)
  for (const name of names) assert.equal(await expand(actor, `<@${name}>`), `<${name}（角色）>`, name)
  assert.equal(
    await expand(actor, '@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),
    '@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  )
  // What is put in is not looked at again.
  await own(actor, '甲@redfox')
  assert.equal(await expand(actor, '@甲@redfox'), '甲@redfox（角色）')
})

test('hundreds of mentions of hundreds of characters take a moment, and the prompt stays in bounds', async () => {
  const actor = await someone()
  await site.context.db.pool.query(
    `insert into character (account_id, name, type) select $1, '角色' || n || repeat('a', n % 40), 'x' from generate_series(1, 400) n`,
    [actor.accountId],
  )
  const names = Array.from({ length: 400 }, (_, index) => `角色${index + 1}${'a'.repeat((index + 1) % 40)}`)
  const startedAt = performance.now()
  const { prompt, characters } = await expandMentions(
    site.context,
    actor,
    [...names, ...names].map((name) => `@${name}`).join('，'),
  )
  assert.equal(characters.length, 400)
  assert.equal(prompt, [...names.map((name) => `${name}（角色）`), ...names].join('，'))
  const many = await expandMentions(site.context, actor, `${'@redfox '.repeat(1_000)}${'@'.repeat(20_000)}`)
  assert.ok(many.prompt.length < 30_000)
  const passedMs = performance.now() - startedAt
  assert.ok(passedMs < 2_000, `${passedMs} ms`)
})
