/** How clips are kept in files, as we tell them apart. */
export type Container = 'mp4' | 'mov' | 'webm'

/**
 * Decodes the first frame of a clip on our own disk, no side longer than `side`, with a bound on time and memory.
 * The clip is a stranger's. Null where nothing here can decode it.
 */
export type FirstFrame = (clip: {
  path: string
  container: Container
  side: number
}) => Promise<Uint8Array | null>
