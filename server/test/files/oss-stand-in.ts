import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { StandIn } from './stand-in.ts'
import { listing, refuseXml, sendObject, startStandIn } from './stand-in.ts'

/**
 * An OSS endpoint of one bucket, reached by its IP address (the bucket is then only in the signature), with
 * signature V1 checked over method, digest, type, date, x-oss headers and resource.
 */
export async function startOssStandIn(keys: {
  accessKeyId: string
  accessKeySecret: string
  bucket: string
}): Promise<StandIn> {
  return startStandIn((request, response, { objects }, body) => {
    const url = new URL(request.url ?? '', 'http://stand-in')
    const name = decodeURIComponent(url.pathname.slice(1))
    const token = url.searchParams.get('continuation-token')
    if (!isSigned(request, token === null ? name : `${name}?continuation-token=${token}`, keys))
      return refuseXml(request, response, 403, 'SignatureDoesNotMatch')
    const digest = request.headers['content-md5']
    if (digest !== undefined && createHash('md5').update(body).digest('base64') !== digest)
      return refuseXml(request, response, 400, 'InvalidDigest')
    const place = `${keys.bucket}/${name}`
    switch (request.method) {
      case 'PUT': {
        objects.set(place, { bytes: body, modifiedAt: new Date() })
        response.writeHead(200, { etag: '"1"' })
        return response.end()
      }
      case 'DELETE': {
        objects.delete(place)
        response.writeHead(204)
        return response.end()
      }
      case 'GET':
      case 'HEAD': {
        if (url.searchParams.get('list-type') === '2') {
          response.writeHead(200, { 'content-type': 'application/xml' })
          return response.end(listing(objects, keys.bucket, url))
        }
        const object = objects.get(place)
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
  name: string,
  keys: { accessKeyId: string; accessKeySecret: string; bucket: string },
): boolean {
  const { headers } = request
  const ossHeaders = Object.entries(headers)
    .filter(([header]) => header.startsWith('x-oss-'))
    .map(([header, value]) => `${header}:${value}`)
    .sort()
  const text = [
    request.method,
    headers['content-md5'] ?? '',
    headers['content-type'] ?? '',
    headers['x-oss-date'] ?? headers.date,
    ...ossHeaders,
    `/${keys.bucket}/${name}`,
  ].join('\n')
  const signature = createHmac('sha1', keys.accessKeySecret).update(text).digest('base64')
  return headers.authorization === `OSS ${keys.accessKeyId}:${signature}`
}

/** One AssumeRole as the stand-in for STS understood it. */
export type AssumedRole = {
  RoleArn: string
  RoleSessionName: string
  DurationSeconds: number
  Policy: {
    Version: string
    Statement: { Effect: string; Action: string[]; Resource: string[]; Condition?: object }[]
  }
}

/** Aliyun STS: checks the RPC signature (HMAC-SHA1 over the sorted, escaped form) and keeps what was asked. */
export async function startStsStandIn(keys: {
  accessKeyId: string
  accessKeySecret: string
}): Promise<StandIn & { assumed: AssumedRole[] }> {
  const assumed: AssumedRole[] = []
  const standIn = await startStandIn((_request, response, _standIn, body) => {
    const form = new URLSearchParams(body.toString())
    const answer = (status: number, value: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(value))
    }
    const escaped = (text: string): string =>
      encodeURIComponent(text).replace(
        /[!'()*]/g,
        (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
      )
    const pairs = [...form].filter(([name]) => name !== 'Signature').sort(([a], [b]) => (a < b ? -1 : 1))
    const query = pairs.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join('&')
    const signature = createHmac('sha1', `${keys.accessKeySecret}&`)
      .update(`POST&%2F&${escaped(query)}`)
      .digest('base64')
    if (form.get('AccessKeyId') !== keys.accessKeyId || form.get('Signature') !== signature)
      return answer(400, { Code: 'SignatureDoesNotMatch', Message: 'no', RequestId: '1' })
    const seconds = Number(form.get('DurationSeconds'))
    const name = form.get('RoleSessionName') ?? ''
    const policy = form.get('Policy') ?? ''
    if (seconds < 900 || !/^[\w.@-]{2,64}$/.test(name) || policy === '' || policy.length > 2048)
      return answer(400, { Code: 'InvalidParameter', Message: 'no', RequestId: '1' })
    assumed.push({
      RoleArn: form.get('RoleArn') ?? '',
      RoleSessionName: name,
      DurationSeconds: seconds,
      Policy: JSON.parse(policy),
    })
    answer(200, {
      RequestId: '1',
      Credentials: {
        AccessKeyId: 'STS.stand-in',
        AccessKeySecret: 'stand-in secret',
        SecurityToken: 'stand-in token',
        Expiration: new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
      },
    })
  })
  return { ...standIn, assumed }
}
