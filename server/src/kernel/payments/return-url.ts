import { refusal } from '../errors.ts'

/**
 * Where the browser returns to after paying: shown to the gateway, never fetched, and what it brings back is never
 * believed. A page of the web and nothing else (facts/aigentools.md, B14).
 *
 * @param field what the document calls it. @throws input_invalid
 */
export function requireReturnUrl(field: string, text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw refusal('input_invalid', { field, problem: 'format' })
  return text
}
