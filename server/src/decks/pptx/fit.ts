const POINTS_PER_INCH = 72
const LINE = 1.32

/** How many lines a text takes in a box this many ems wide. Wide characters are one em, others about half. */
function linesOf(text: string, ems: number): number {
  let lines = 1
  let used = 0
  // Latin words move to the next line whole; wide characters break anywhere.
  for (const piece of text.match(
    /[\u1100-\u11ff\u2e80-\uffef\u{20000}-\u{3ffff}]|\s+|[^\s\u1100-\u11ff\u2e80-\uffef]+/gu,
  ) ?? []) {
    const width = [...piece].reduce((sum, one) => sum + widthOf(one), 0)
    if (used + width > ems && used > 0) {
      lines += 1
      used = 0
    }
    used += width
    // A word longer than the line is broken.
    while (used > ems) {
      lines += 1
      used -= ems
    }
  }
  return lines
}

function widthOf(character: string): number {
  if (/[\u1100-\u11ff\u2e80-\uffef\u{1f000}-\u{3ffff}]/u.test(character)) return 1
  if (/[A-Z@%&MW]/.test(character)) return 0.72
  return /[il.,:;'|!\s]/.test(character) ? 0.32 : 0.56
}

/** A box's inner size in inches. */
export type Box = { w: number; h: number }

/** The height in inches that texts, one under another, take at a size in points. */
export function heightOf(texts: readonly string[], width: number, points: number): number {
  const ems = (width * POINTS_PER_INCH) / points
  const lines = texts.reduce((sum, text) => sum + linesOf(text, ems), 0)
  return (lines * points * LINE) / POINTS_PER_INCH
}

/**
 * The largest size in points at which texts fit a box, one under another: viewers do not shrink text by themselves.
 */
export function fitPoints(texts: readonly string[], box: Box, most: number, least: number): number {
  for (let points = most; points > least; points -= 1) {
    if (heightOf(texts, box.w, points) <= box.h) return points
  }
  return least
}
