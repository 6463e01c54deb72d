import { GatewayError } from '../../kernel/ports/gateway.ts'

/**
 * Decodes each name and value of a form exactly once, `+` as a space, so that `%2525` stays `%25`: signatures are over
 * what was decoded so.
 *
 * @throws GatewayError `malformed` for a repeated name, of which two readers might take two values, and for what is no
 *   URL-encoded UTF-8
 */
export function decodeForm(gateway: string, form: string): ReadonlyMap<string, string> {
  const malformed = (how: string) => new GatewayError('malformed', `the ${gateway} notification ${how}`)
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text.replaceAll('+', ' '))
    } catch {
      throw malformed('is not URL-encoded UTF-8')
    }
  }
  const params = new Map<string, string>()
  for (const pair of form.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    if (params.has(name)) throw malformed('repeats a parameter')
    params.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
  }
  return params
}
