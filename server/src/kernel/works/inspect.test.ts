import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import type { OutputInfo } from 'sharp'
import sharp from 'sharp'
import { officeFile } from '../../../test/fakes/office-file.ts'
import { identify, measure, UnfitOutput } from './inspect.ts'
import { extensionFor, MEDIA_TYPES, mediaTypeOf } from './media-types.ts'

const SIZES = [
  [1, 1],
  [17, 301],
  [640, 360],
] as const

for (const [format, extension] of [
  ['png', 'png'],
  ['jpeg', 'jpg'],
  ['webp', 'webp'],
  ['gif', 'gif'],
] as const) {
  test(`${format}: type and size from the header are what opening the picture finds`, async () => {
    for (const [width, height] of SIZES) {
      for (const options of [{}, { lossless: true }, { progressive: true }]) {
        const { data, info } = await picture(width, height)
          .toFormat(format, options)
          .toBuffer({ resolveWithObject: true })
        assert.equal(await identify(data), extension)
        assert.deepEqual(await measure(extension, data), sizeOf(info))
      }
    }
  })
}

const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 4, background: { r: 217, g: 119, b: 87, alpha: 0.5 } } })
const sizeOf = ({ width, height }: OutputInfo) => ({ width, height, durationMs: null })

test('a picture that lies on its side is measured as it is shown', async () => {
  const data = await picture(64, 32).withMetadata({ orientation: 6 }).jpeg().toBuffer()
  assert.deepEqual(await measure('jpg', data), { width: 32, height: 64, durationMs: null })
})

test('a picture that could never be opened is not kept', async () => {
  const data = await picture(2, 2).png().toBuffer()
  data.writeUInt32BE(100_000, 16)
  data.writeUInt32BE(100_000, 20)
  await assert.rejects(measure('png', data), UnfitOutput)
  const empty = await picture(2, 2).png().toBuffer()
  empty.writeUInt32BE(0, 16)
  await assert.rejects(measure('png', empty), UnfitOutput)
  await assert.rejects(measure('jpg', Buffer.from('ffd8ffe000104a464946', 'hex')), UnfitOutput)
})

test('a clip that cannot be read is not kept', async () => {
  const bytes = Buffer.concat([
    Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isommp42', 'latin1'),
    Buffer.alloc(1_000),
  ])
  assert.equal(await identify(bytes), 'mp4')
  await assert.rejects(measure('mp4', bytes), UnfitOutput)
})

const word = (text: string): Buffer => Buffer.from(text, 'latin1')
const KEPT: readonly (readonly [string, Buffer])[] = [
  ['pdf', word('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n')],
  ['mp3', word(`ID3\x04\0\0\0\0\0\0\xff\xfb\x90\0${'\0'.repeat(413)}`)],
  // Its cover is longer than what we look at.
  ['mp3', word(`ID3\x04\0\0\0\x10\0\0APIC${'\0'.repeat(413)}`)],
  ['wav', word('RIFF\x24\0\0\0WAVEfmt ')],
  ['flac', word('fLaC\0\0\0\x22')],
  ['m4a', word('\0\0\0\x18ftypM4A \0\0\0\0M4A mp42')],
  ['mov', word('\0\0\0\x14ftypqt  \0\0\0\0qt  ')],
  ['ogg', word(`OggS\0\x02${'\0'.repeat(20)}\x01\x1e\x01vorbis${'\0'.repeat(40)}`)],
  ['ogg', word(`OggS\0\x02${'\0'.repeat(20)}\x01\x13OpusHead${'\0'.repeat(40)}`)],
  ['webm', word('\x1a\x45\xdf\xa3\x87\x42\x82\x84webm')],
  ['glb', word('glTF\x02\0\0\0\x0c\0\0\0')],
  ['docx', officeFile('docx')],
  ['xlsx', officeFile('xlsx')],
  ['pptx', officeFile('pptx')],
]
for (const [extension, bytes] of KEPT) {
  test(`${extension} is known by its bytes`, async () => assert.equal(await identify(bytes), extension))
}

const REFUSED: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['zeros', Buffer.alloc(10_000)],
  ['HTML', word('<!DOCTYPE html><script>alert(1)</script>')],
  ['HTML that begins like text', word('\n\n  <html><body>')],
  ['SVG', word('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')],
  ['SVG in XML', word('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')],
  ['JavaScript', word('alert(1)')],
  ['a shell script', word('#!/bin/sh\nrm -rf /\n')],
  ['JSON, such as a storage sends for an error', word('{"code":"NoSuchKey"}')],
  ['plain text', word('done')],
  ['a Windows program', word(`MZ${'\0'.repeat(58)}\x40\0\0\0PE\0\0`)],
  ['a Linux program', word('\x7fELF\x02\x01\x01\0')],
  ['a Java class', word('\xca\xfe\xba\xbe\0\0\0\x34')],
  ['WebAssembly', word('\0asm\x01\0\0\0')],
  ['Flash', word('CWS\x0a')],
  ['gzip', Buffer.from('1f8b0800', 'hex')],
  ['an office file with macros', officeFile('docm')],
]
for (const [what, bytes] of REFUSED) {
  test(`refused: ${what}`, () => assert.rejects(identify(bytes), UnfitOutput))
}

test('a ZIP that is no office file stays a ZIP', async () => {
  assert.equal(await identify(officeFile(null)), 'zip')
  assert.equal(await identify(Buffer.concat([word('PK\x03\x04'), deflateRawSync(Buffer.alloc(100))])), 'zip')
})

test('the table knows each of its own, and nothing that may run', () => {
  for (const extension of Object.keys(MEDIA_TYPES)) assert.ok(mediaTypeOf(`a.${extension}`), extension)
  for (const foreign of [
    'html',
    'svg',
    'js',
    'xml',
    'txt',
    'json',
    'exe',
    'zip',
    'swf',
    'constructor',
    '__proto__',
  ]) {
    assert.equal(mediaTypeOf(`a.${foreign}`), null, foreign)
    assert.equal(extensionFor(foreign), null, foreign)
  }
})
