/**
 * Puts the encoder's MP4 in order: what a player needs first comes first (`moov` before `mdat`, so that it
 * plays while it loads), the clock's time is taken out (the same job must give the same bytes), and the
 * colours are named (BT.709, limited range), which else every player guesses. Boxes as in ISO/IEC 14496-12.
 */

type Box = { type: string; body: Buffer }

const containers = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl'])

const readBoxes = (data: Buffer): Box[] => {
  const boxes: Box[] = []
  for (let at = 0; at + 8 <= data.length; ) {
    const size = data.readUInt32BE(at)
    if (size < 8 || at + size > data.length) throw new Error('The encoder made a broken MP4.')
    boxes.push({ type: data.toString('latin1', at + 4, at + 8), body: data.subarray(at + 8, at + size) })
    at += size
  }
  return boxes
}

const writeBox = ({ type, body }: Box): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(body.length + 8, 0)
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, body])
}

/** Sets creation and modification time (32-bit, after version and flags) to zero. */
const withoutTimes = (body: Buffer): Buffer => {
  const copy = Buffer.from(body)
  copy.fill(0, 4, copy.readUInt8(0) === 1 ? 20 : 12)
  return copy
}

/** nclx: primaries, transfer and matrix of BT.709 (1, 1, 1), limited range. */
const colours = writeBox({ type: 'colr', body: Buffer.from('6e636c7800010001000100', 'hex') })

/** The one entry of the sample description is `avc1`, itself a box that can hold others at its end. */
const withColours = (body: Buffer): Buffer => {
  const [entry] = readBoxes(body.subarray(8))
  if (entry?.type !== 'avc1') return body
  return Buffer.concat([
    body.subarray(0, 8),
    writeBox({ type: 'avc1', body: Buffer.concat([entry.body, colours]) }),
  ])
}

const moved = (body: Buffer, by: number): Buffer => {
  const copy = Buffer.from(body)
  for (let at = 8; at < copy.length; at += 4) copy.writeUInt32BE(copy.readUInt32BE(at) + by, at)
  return copy
}

const rebuild = (box: Box, shift: number): Buffer => {
  const { type, body } = box
  if (containers.has(type)) {
    const inside = readBoxes(body)
      .filter((child) => child.type !== 'iods')
      .map((child) => rebuild(child, shift))
    return writeBox({ type, body: Buffer.concat(inside) })
  }
  if (type === 'mvhd' || type === 'tkhd' || type === 'mdhd')
    return writeBox({ type, body: withoutTimes(body) })
  if (type === 'stsd') return writeBox({ type, body: withColours(body) })
  return writeBox(type === 'stco' ? { type, body: moved(body, shift) } : box)
}

/** The same film, tidy. Throws when the file is not what the encoder makes. */
export const tidyMp4 = (file: Uint8Array): Buffer => {
  const data = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  const boxes = readBoxes(data)
  const find = (type: string): Box => {
    const box = boxes.find((candidate) => candidate.type === type)
    if (box === undefined) throw new Error(`The encoder's MP4 has no ${type}.`)
    return box
  }
  const [head, film, moov] = [writeBox(find('ftyp')), find('mdat'), find('moov')]
  const before = film.body.byteOffset - data.byteOffset
  const index = rebuild(moov, 0)
  const after = head.length + index.length + 8
  return Buffer.concat([head, rebuild(moov, after - before), writeBox(film)])
}
