import type { Context } from '../context.ts'

/**
 * The address of a stored file: unguessable, with its real extension and no query string, so that it works in
 * an `<img src>` without a header (decided reading *Files*). Rows hold the key; the address is made when it is
 * shown, so a site can move.
 */
export function fileUrl(context: Pick<Context, 'publicUrl'>, storeKey: string): string {
  return `${context.publicUrl}/files/${storeKey}`
}
