const LONGEST = 200

/**
 * The name of an upload as it is in its address: `uploads/` and one further part of letters, digits, dots, hyphens
 * and underscores, everything but ASCII percent-encoded. Clients send `uploads/<ms>_<random>.<ext>`, where the
 * extension is whatever the user's file had (facts/aigentools.md, 2.5).
 *
 * @param path a path without its first slash, still encoded.
 * @returns null when it is no such name.
 */
export function readUploadName(path: string): string | null {
  const name = decode(path)
  if (name === null || !/^uploads\/[\p{L}\p{N}_-][\p{L}\p{N}\p{M}._-]*$/u.test(name) || name.includes('..'))
    return null
  const encoded = `uploads/${encodeURIComponent(name.slice('uploads/'.length))}`
  return encoded.length <= LONGEST ? encoded : null
}

function decode(path: string): string | null {
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}
