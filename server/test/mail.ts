import assert from 'node:assert/strict'

/** The six digits in a written mail. */
export function codeIn(mail: string | undefined): string {
  assert.ok(mail, 'a mail was written')
  const part = mail.split('Content-Transfer-Encoding: base64\r\n\r\n')[1]?.split('\r\n--')[0] ?? ''
  const code = /\b(\d{6})\b/.exec(Buffer.from(part, 'base64').toString('utf8'))?.[1]
  assert.ok(code, 'the mail has a code')
  return code
}
