import { type GatewayAccount, GatewayError } from '../../kernel/ports/gateway.ts'
import type { SignatureQuirks } from './signature.ts'

/** The quirks of one deployment, read from `account.options`; the README of this folder explains each. */
export type EpayOptions = SignatureQuirks & {
  mode: 'mapi' | 'submit'
  query: 'auto' | 'post' | 'get' | 'signed'
}

const CHOICES = {
  mode: ['mapi', 'submit'],
  query: ['auto', 'post', 'get', 'signed'],
  signature: ['append', 'key-param'],
  zero: ['kept', 'dropped'],
} as const

/** Reads the options; the first choice of each is its default. Throws `GatewayError('unavailable')`. */
export function readOptions({ options }: GatewayAccount): EpayOptions {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(CHOICES, name)) {
      throw new GatewayError('unavailable', `epay has no option ${name}`)
    }
  }
  return {
    mode: choose(options, 'mode'),
    query: choose(options, 'query'),
    ...readSignatureQuirks({ options }),
  }
}

/** Only what signatures depend on: another option's mistake must not turn notifications away. */
export function readSignatureQuirks({ options }: Pick<GatewayAccount, 'options'>): SignatureQuirks {
  return {
    keyPrefix: choose(options, 'signature') === 'key-param' ? '&key=' : '',
    isZeroEmpty: choose(options, 'zero') === 'dropped',
  }
}

function choose<N extends keyof typeof CHOICES>(
  options: GatewayAccount['options'],
  name: N,
): (typeof CHOICES)[N][number] {
  const choices: readonly (typeof CHOICES)[N][number][] = CHOICES[name]
  const given = options[name] ?? choices[0]
  const choice = choices.find((one) => one === given)
  if (choice !== undefined) return choice
  throw new GatewayError('unavailable', `the epay option ${name} is one of ${choices.join(', ')}`)
}
