import { refusal } from '../errors.ts'

const CHINESE_MOBILE = /^(?:(?:\+|00)86)?(1[3-9]\d{9})$/
const INTERNATIONAL = /^(?:\+|00)([1-9]\d{6,14})$/

/**
 * A phone number in the one form it is stored and compared in: the eleven digits of a Chinese mobile number, however
 * its country was written, or `+` and the digits of any other. Null for a text that reads as no number.
 */
export function readPhone(text: string): string | null {
  if (text.length > 60) return null
  const digits = text.normalize('NFKC').replace(/[\s().-]/g, '')
  const chinese = CHINESE_MOBILE.exec(digits)?.[1]
  if (chinese !== undefined) return chinese
  const international = INTERNATIONAL.exec(digits)?.[1]
  return international === undefined ? null : `+${international}`
}

/** A phone number as it is stored. @throws input_invalid for `field` when it is none */
export function normalisePhone(field: string, text: string): string {
  const phone = readPhone(text)
  if (phone === null) throw refusal('input_invalid', { field, problem: 'format' })
  return phone
}
