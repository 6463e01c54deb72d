/** What a file is, to whoever shows it. */
export type MediaKind = 'picture' | 'clip' | 'sound' | 'document' | 'model'

export type MediaType = {
  mediaType: string
  kind: MediaKind
  /** Whether a browser may show it where it stands. The others are handed over to be saved. */
  isShown: boolean
  /** How `file-type` calls these bytes, where it is not the extension. */
  foundAs?: readonly string[]
}

const picture = (mediaType: string): MediaType => ({ mediaType, kind: 'picture', isShown: true })
const clip = (mediaType: string): MediaType => ({ mediaType, kind: 'clip', isShown: true })
const sound = (mediaType: string): MediaType => ({ mediaType, kind: 'sound', isShown: true })
const office = (name: string): MediaType => ({
  mediaType: `application/vnd.openxmlformats-officedocument.${name}`,
  kind: 'document',
  isShown: false,
})

/**
 * Every kind of file that we keep and serve, by its extension: the one list for what comes in and what goes out.
 *
 * Only what its own first bytes prove is on it. Plain text and JSON are not: nothing in them tells a result from
 * the error message that a vendor's storage sends in its place, and HTML and SVG read as text too. Office files
 * are those without macros. Of the 3D formats only binary glTF carries a mark and needs no other file beside it.
 */
export const MEDIA_TYPES = {
  png: { ...picture('image/png'), foundAs: ['png', 'apng'] },
  jpg: picture('image/jpeg'),
  webp: picture('image/webp'),
  gif: picture('image/gif'),
  mp4: { ...clip('video/mp4'), foundAs: ['mp4', 'm4v'] },
  webm: clip('video/webm'),
  mov: clip('video/quicktime'),
  mp3: sound('audio/mpeg'),
  wav: sound('audio/wav'),
  ogg: { ...sound('audio/ogg'), foundAs: ['ogg', 'oga', 'opus'] },
  m4a: sound('audio/mp4'),
  flac: sound('audio/flac'),
  // A browser's viewer runs scripts that a PDF may carry.
  pdf: { mediaType: 'application/pdf', kind: 'document', isShown: false },
  docx: office('wordprocessingml.document'),
  xlsx: office('spreadsheetml.sheet'),
  pptx: office('presentationml.presentation'),
  glb: { mediaType: 'model/gltf-binary', kind: 'model', isShown: false },
} as const satisfies Record<string, MediaType>

export type Extension = keyof typeof MEDIA_TYPES

const BY_FOUND = new Map<string, Extension>(
  (Object.entries(MEDIA_TYPES) as [Extension, MediaType][]).flatMap(([extension, { foundAs }]) =>
    (foundAs ?? [extension]).map((found) => [found, extension] as const),
  ),
)

/** Our extension for what `file-type` found; null for what we neither keep nor serve. */
export function extensionFor(found: string | undefined): Extension | null {
  return (found !== undefined && BY_FOUND.get(found)) || null
}

/** What a stored file is, by the extension of its key; null for a key that is none of ours. */
export function mediaTypeOf(storeKey: string): MediaType | null {
  const extension = storeKey.slice(storeKey.lastIndexOf('.') + 1)
  return Object.hasOwn(MEDIA_TYPES, extension) ? MEDIA_TYPES[extension as Extension] : null
}
