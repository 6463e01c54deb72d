import { crc32 } from 'node:zlib'

const CONTENT_TYPES = {
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml',
  docm: 'application/vnd.ms-word.document.macroEnabled.main+xml',
} as const

/**
 * An office file as far as its list of parts: a ZIP of uncompressed entries. With `null` it is a plain archive;
 * with `lead` a part of so many bytes stands before the list, as some writers have it.
 */
export function officeFile(type: keyof typeof CONTENT_TYPES | null, lead = 0): Buffer {
  const parts: [string, Buffer][] = []
  if (lead > 0) parts.push(['media/image1.bin', Buffer.alloc(lead, 7)])
  if (type) {
    const xml = `<?xml version="1.0"?><Types><Override PartName="/main.xml" ContentType="${CONTENT_TYPES[type]}"/></Types>`
    parts.push(['[Content_Types].xml', Buffer.from(xml)])
  } else parts.push(['readme.txt', Buffer.from('hello')])
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, content] of parts) {
    // What both headers say: version, flags, method, time, date, checksum, sizes, length of the name.
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(content.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), content])
    const place = Buffer.alloc(14)
    place.writeUInt32LE(offset, 10)
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02\x14\0', 'latin1'), common, place, Buffer.from(name)]),
    )
    locals.push(local)
    offset += local.length
  }
  const listed = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(parts.length, 8)
  end.writeUInt16LE(parts.length, 10)
  end.writeUInt32LE(listed.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, listed, end])
}
