import sharp from 'sharp'
import type { Output } from '../../kernel/ports/provider.ts'
import { notUnderstood, type Wire } from './wire.ts'

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
}

/**
 * A picture that came inside an answer, as bytes or as base64, plain or as a data address. Size and type are read from
 * the file: vendors choose both as they like. Throws `ProviderError('ambiguous')` for what is no picture.
 */
export async function decodePicture(wire: Wire, data: string | Uint8Array): Promise<Output> {
  const bytes = typeof data === 'string' ? Buffer.from(data.replace(/^data:[^,]*,/, ''), 'base64') : data
  // Of nothing at all sharp says so at once, by a plain error.
  if (bytes.length === 0) throw notUnderstood(wire, 'with an empty picture')
  const metadata = await sharp(bytes)
    .metadata()
    .catch(() => null)
  const mediaType = MEDIA_TYPES[metadata?.format ?? '']
  if (!metadata || mediaType === undefined) throw notUnderstood(wire, 'with a file that is not a picture')
  return { bytes, mediaType, width: metadata.width, height: metadata.height }
}

/** Bytes as a data address, for vendors that take pictures inside the request. */
export function dataAddress({ bytes, mediaType }: { bytes: Uint8Array; mediaType: string }): string {
  return `data:${mediaType};base64,${Buffer.from(bytes).toString('base64')}`
}

/**
 * A file that an answer names by its address. One on the host of the connection may lie where an operator let us go;
 * a gateway at home names its files without a host. Throws `ProviderError('ambiguous')` for what is no address.
 */
export function fileAt(wire: Wire, address: string): Output {
  const base = new URL(wire.endpoint(''))
  const url = URL.parse(address, base.href)
  if (!url || !/^https?:$/.test(url.protocol)) throw notUnderstood(wire, 'with an address that is none')
  return { url: url.href, ...(url.host === base.host && { isOperatorConfigured: true }) }
}
