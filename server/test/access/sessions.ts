import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resetPassword, setAccountState } from '../../src/kernel/accounts/administer.ts'
import type { Account } from '../../src/kernel/accounts/register.ts'
import { units } from '../../src/kernel/money.ts'
import { createUser } from '../factories.ts'
import type { Answer, Ground, Refused } from './ground.ts'
import { WITHIN_MS } from './ground.ts'

const named = ({ username, email }: Account) => ({ username, email: email ?? '' })
const refusedAs = (answer: Answer, refused: Refused): void =>
  assert.deepEqual([answer.status, answer.code, answer.data], [...refused, null], answer.text)

/** Sessions end within five seconds of what ends them, in every process. */
export function testSessions(ground: Ground): void {
  const { about, call, everywhere, ownCode, untilAnswered } = ground
  const { unknown, revoked, disabled } = about.refused
  const [, success] = about.success

  const updates = {
    'the session was ended': 'update session set ended_at = now() where account_id = $1',
    'the session has lapsed': 'update session set expires_at = now() where account_id = $1',
    'the session version was raised':
      'update account set session_version = session_version + 1 where id = $1',
  } as const
  for (const [why, text] of Object.entries(updates)) {
    test(`${why} (W17): ended within five seconds, even when the event is lost and the session was cached`, async () => {
      const { token, accountId } = await createUser(ground.site.context, units(1))
      assert.equal(await ownCode(token), success)
      await ground.site.context.db.pool.query(text, [accountId])
      assert.ok((await untilAnswered(revoked, token)) < WITHIN_MS)
      await everywhere(revoked, token, why)
    })
  }

  test('a password set by an operator ends every session at once (W17)', async () => {
    const { token, accountId, account, password } = await createUser(ground.site.context, units(1))
    assert.equal(await ownCode(token), success)
    await resetPassword(ground.site.context, accountId, 'quite another password')
    await everywhere(revoked, token, 'a session from before')
    const login = (secret: string) => ground.login(named(account), secret)
    refusedAs(await login(password), about.refused.login)
    const again = await login('quite another password')
    assert.equal(again.code, success)
    assert.equal(await ownCode(String(again.data?.[about.tokenField ?? 'token'])), success)
  })

  test('an account disabled by another process: refused within five seconds though its session was cached, and no way in', async () => {
    const { token, accountId, account, password } = await createUser(ground.site.context, units(1))
    const other = await ground.site.another()
    for (const one of ground.guarded.filter((route) => !about.endsSession?.(route)))
      await call(one.method, ground.urlOf(one), { token, ...(one.body && { body: {} }) })
    await setAccountState(other, accountId, 'disabled')
    assert.ok((await untilAnswered(disabled, token)) < WITHIN_MS)
    await everywhere(disabled, token, 'a disabled account')
    const login = (secret: string) => ground.login(named(account), secret)
    refusedAs(await login(password), about.refused.disabledLogin ?? disabled)
    // Who does not know the password learns nothing.
    refusedAs(await login('a wrong password'), about.refused.login)
    await setAccountState(other, accountId, 'active')
    // Enabling it again does not revive the sessions of before.
    assert.ok((await untilAnswered(revoked, token)) < WITHIN_MS)
    assert.equal((await login(password)).code, success)
  })

  test('an account disabled while the event is lost: refused within five seconds', async () => {
    const { token, accountId } = await createUser(ground.site.context, units(1))
    assert.equal(await ownCode(token), success)
    await ground.site.context.db.pool.query(`update account set state = 'disabled' where id = $1`, [
      accountId,
    ])
    assert.ok((await untilAnswered(disabled, token)) < WITHIN_MS)
  })

  test('a closed account: refused everywhere, login as if it had never been, its ledger stays', async () => {
    const { token, accountId, account, password } = await createUser(ground.site.context, units(7))
    assert.equal(await ownCode(token), success)
    await setAccountState(ground.site.context, accountId, 'closed')
    await everywhere(unknown, token, 'a closed account')
    const [login, never] = [
      await ground.login(named(account), password),
      await ground.login({ email: 'nobody@qq.com', username: 'nobody' }, password),
    ]
    refusedAs(login, about.refused.login)
    assert.equal(login.text, never.text)
    const { rows } = await ground.site.context.db.pool.query(
      'select available from wallet where account_id = $1',
      [accountId],
    )
    assert.deepEqual(rows, [{ available: units(7) }])
  })

  test('an unknown name and a wrong password are told apart by nothing', async () => {
    const { account } = await createUser(ground.site.context, units(0))
    const nobody = { email: 'nobody@qq.com', username: 'nobody' }
    const answers = await Promise.all(
      [named(account), nobody].map((one) => ground.login(one, 'not this one')),
    )
    for (const answer of answers) refusedAs(answer, about.refused.login)
    assert.equal(answers[0]?.text, answers[1]?.text)
  })
}
