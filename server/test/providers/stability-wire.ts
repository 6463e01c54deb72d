import type { Answer, VendorWire } from './vendor-stand-in.ts'

const RATIOS = ['1:1', '16:9', '9:16', '3:2', '2:3', '4:5', '5:4', '21:9', '9:21']
const MODELS = ['sd3.5-large', 'sd3.5-large-turbo', 'sd3.5-medium']

/** The wire of Stability's Stable Image (protocols.md 5.2). */
export const stabilityWire: VendorWire = {
  base: '',
  key: 'sk-stand-in-0123456789/abc+def',
  wrongKey: (given) => no(401, 'unauthorized', `wrong key ${given}`),
  roleOf: () => 'submit',
  answer: async ({ path, headers, fields, files }, desk) => {
    const [, service] = /^\/v2beta\/stable-image\/generate\/(ultra|core|sd3)$/.exec(path) ?? []
    if (service === undefined) return no(404, 'not_found', 'The requested resource was not found')
    if (!/^multipart\/form-data/.test(headers['content-type'] ?? '')) {
      return no(400, 'bad_request', 'content-type: must be multipart/form-data')
    }
    const { prompt, aspect_ratio: ratio, mode, model, strength } = fields
    const [file] = files
    if (!prompt) return no(400, 'bad_request', 'prompt: is required')
    if (ratio !== undefined && !RATIOS.includes(String(ratio)))
      return no(400, 'bad_request', 'aspect_ratio: unknown')
    if (service === 'sd3' && !MODELS.includes(String(model))) return no(400, 'bad_request', 'model: unknown')
    if (service === 'core' && file) return no(400, 'bad_request', 'image: unknown field')
    if (file && (file.name !== 'image' || strength === undefined || ratio !== undefined)) {
      return no(400, 'bad_request', 'image: needs a strength and no aspect_ratio')
    }
    if (service === 'sd3' && (mode === 'image-to-image') !== (file !== undefined))
      return no(400, 'bad_request', 'mode')
    const [width = 1, height = 1] = String(ratio ?? '1:1')
      .split(':')
      .map(Number)
    const scale = 256 / Math.sqrt(width * height)
    const picture = await desk.picture(Math.round(width * scale), Math.round(height * scale))
    const seed = Number(fields.seed ?? 1)
    if (headers.accept === 'application/json') {
      return {
        headers: { 'content-type': 'application/json; type=image/png' },
        json: { image: picture.toString('base64'), finish_reason: 'SUCCESS', seed },
      }
    }
    return {
      headers: { 'content-type': 'image/png', 'finish-reason': 'SUCCESS', seed: String(seed) },
      body: picture,
    }
  },
}

/** A refusal, as documented. */
export function no(status: number, name: string, words: string): Answer {
  return { status, json: { id: 'ed14db44362126aab3cbd25cca51ffe3', name, errors: [words] } }
}
