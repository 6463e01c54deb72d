import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { StandIn } from './stand-in.ts'
import { listing, refuseXml, sendObject, startStandIn } from './stand-in.ts'

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()

/**
 * An S3 server in path style: objects, ranges and multipart uploads, with Signature Version 4 checked over
 * method, path, query, headers and the hash of the body.
 */
export async function startS3StandIn(keys: {
  accessKeyId: string
  secretAccessKey: string
}): Promise<StandIn> {
  const uploads = new Map<string, Map<number, Buffer>>()
  let serial = 0
  return startStandIn((request, response, { objects }, body) => {
    if (!isSigned(request, body, keys)) return refuseXml(request, response, 403, 'SignatureDoesNotMatch')
    const url = new URL(request.url ?? '', 'http://stand-in')
    const name = decodeURIComponent(url.pathname.slice(1))
    const uploadId = url.searchParams.get('uploadId')
    const parts = uploadId === null ? undefined : uploads.get(uploadId)
    if (uploadId !== null && !parts) return refuseXml(request, response, 404, 'NoSuchUpload')
    const xml = (text: string): void => {
      response.writeHead(200, { 'content-type': 'application/xml' })
      response.end(`<?xml version="1.0" encoding="UTF-8"?>${text}`)
    }
    switch (`${request.method}${parts ? ' part' : ''}`) {
      case 'PUT': {
        objects.set(name, { bytes: body, modifiedAt: new Date() })
        response.writeHead(200, { etag: '"1"' })
        return response.end()
      }
      case 'POST': {
        if (!url.searchParams.has('uploads')) return refuseXml(request, response, 400, 'InvalidRequest')
        serial += 1
        uploads.set(`upload-${serial}`, new Map())
        return xml(
          `<InitiateMultipartUploadResult><UploadId>upload-${serial}</UploadId></InitiateMultipartUploadResult>`,
        )
      }
      case 'PUT part': {
        const number = Number(url.searchParams.get('partNumber'))
        parts?.set(number, body)
        response.writeHead(200, { etag: `"${number}"` })
        return response.end()
      }
      case 'POST part': {
        const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)</g)].map((match) => Number(match[1]))
        const pieces = numbers.map((number) => parts?.get(number) ?? Buffer.alloc(0))
        if (pieces.slice(0, -1).some((piece) => piece.length < 5 * 1_048_576))
          return refuseXml(request, response, 400, 'EntityTooSmall')
        objects.set(name, { bytes: Buffer.concat(pieces), modifiedAt: new Date() })
        uploads.delete(uploadId ?? '')
        return xml('<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>')
      }
      case 'DELETE part': {
        uploads.delete(uploadId ?? '')
        response.writeHead(204)
        return response.end()
      }
      case 'DELETE': {
        objects.delete(name)
        response.writeHead(204)
        return response.end()
      }
      case 'GET':
      case 'HEAD': {
        if (url.searchParams.get('list-type') === '2')
          return xml(listing(objects, name.replace(/\/$/, ''), url))
        const object = objects.get(name)
        if (!object) return refuseXml(request, response, 404, 'NoSuchKey')
        return sendObject(request, response, object)
      }
      default:
        return refuseXml(request, response, 405, 'MethodNotAllowed')
    }
  })
}

function isSigned(
  request: IncomingMessage,
  body: Buffer,
  keys: { accessKeyId: string; secretAccessKey: string },
): boolean {
  const given =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    )
  if (!given) return false
  const [, accessKeyId, day = '', region = '', signed = '', signature] = given
  const hash = String(request.headers['x-amz-content-sha256'])
  const date = String(request.headers['x-amz-date'])
  if (accessKeyId !== keys.accessKeyId || !date.startsWith(day) || !signed.split(';').includes('host'))
    return false
  if (hash !== 'UNSIGNED-PAYLOAD' && hash !== sha256(body)) return false
  const [path = '', query = ''] = (request.url ?? '').split('?')
  const canonical = [
    request.method,
    path,
    query
      .split('&')
      .filter(Boolean)
      .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
      .sort()
      .join('&'),
    ...signed.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}`),
    '',
    signed,
    hash,
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer>(
    (one, part) => hmac(one, part),
    Buffer.from(`AWS4${keys.secretAccessKey}`),
  )
  return hmac(key, toSign).toString('hex') === signature
}
