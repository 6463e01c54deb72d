import { createTokens } from '../src/http/tokens.ts'
import { logIn } from '../src/kernel/accounts/log-in.ts'
import type { Account } from '../src/kernel/accounts/register.ts'
import { createAccount } from '../src/kernel/accounts/register.ts'
import type { Context } from '../src/kernel/context.ts'
import type { Submission } from '../src/kernel/generation/submit.ts'
import type { ImageInput } from '../src/kernel/generation/task-input.ts'
import type { Credits } from '../src/kernel/money.ts'
import { adjustBalance } from '../src/kernel/wallet/adjust.ts'

let serial = 0

/** An account with exactly `credits`, whatever the site's sign-up bonus; its actor id and a bearer token. */
export async function createUser(
  context: Context,
  credits: Credits,
  options: { role?: 'user' | 'admin' } = {},
): Promise<{ account: Account; accountId: bigint; token: string; email: string; password: string }> {
  serial += 1
  const email = `user${serial}@qq.com`
  const password = 'a long password'
  const account = await createAccount(context, {
    username: `user${serial}`,
    email,
    password,
    role: options.role ?? 'user',
  })
  const difference = (credits - account.available) as Credits
  if (difference !== 0n) {
    await adjustBalance(context, {
      accountId: account.id,
      amount: difference,
      reason: 'test',
      key: `test-${context.ids.uuid()}`,
      operatorId: null,
      origin: { ip: null, device: null },
    })
  }
  const { session } = await logIn(context, { by: 'email', name: email, password, address: null })
  const token = createTokens(context.keys.token, context.site, context.clock.now).sign(session, account.uuid)
  return { account, accountId: account.id, token, email, password }
}

/** A picture to submit, with what a test wants to be different. */
export function pictureOf(
  prompt: string,
  changes: Partial<Pick<Submission, 'model' | 'idempotencyKey'>> & { input?: ImageInput } = {},
): Extract<Submission, { kind: 'image' }> {
  return {
    kind: 'image',
    model: null,
    input: { prompt, width: 64, height: 64, count: 1, seed: 7, guidance: 2.5, watermark: false },
    parameters: { size: '64x64' },
    idempotencyKey: null,
    origin: { ip: '127.0.0.1', device: 'test' },
    ...changes,
  }
}
