import { json, picture, startWire, type WireStandIn } from './wire-stand-in.ts'

const RATIOS = ['1:1', '16:9', '9:16', '3:2', '2:3', '4:5', '5:4', '21:9', '9:21']
const MODELS = ['sd3.5-large', 'sd3.5-large-turbo', 'sd3.5-medium']

/** The wire of Stability's Stable Image on loopback (protocols.md 5.2): `url` is the base address. */
export async function startStabilityStandIn(): Promise<WireStandIn> {
  return startWire('', async (response, seen, { key }) => {
    const no = (code: number, name: string, words: string): void => json(response, code, refusal(name, words))
    if (seen.headers.authorization !== `Bearer ${key}`) return no(401, 'unauthorized', 'missing or wrong key')
    const [, service] = /^\/v2beta\/stable-image\/generate\/(ultra|core|sd3)$/.exec(seen.path) ?? []
    if (service === undefined) return no(404, 'not_found', 'The requested resource was not found')
    if (!/^multipart\/form-data/.test(seen.headers['content-type'] ?? '')) {
      return no(400, 'bad_request', 'content-type: must be multipart/form-data')
    }
    const { prompt, aspect_ratio: ratio, mode, model, strength } = seen.fields
    const [file] = seen.files
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
    const bytes = await picture(Math.round(width * scale), Math.round(height * scale))
    const seed = Number(seen.fields.seed ?? 1)
    if (seen.headers.accept === 'application/json') {
      const body = { image: bytes.toString('base64'), finish_reason: 'SUCCESS', seed }
      return json(response, 200, body, { 'content-type': 'application/json; type=image/png' })
    }
    response.writeHead(200, { 'content-type': 'image/png', 'finish-reason': 'SUCCESS', seed: String(seed) })
    response.end(bytes)
  })
}

/** The body of a refusal, as documented. */
export function refusal(name: string, words: string): object {
  return { id: 'ed14db44362126aab3cbd25cca51ffe3', name, errors: [words] }
}
