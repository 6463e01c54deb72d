import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

export type KeyPair = { privateKey: KeyObject; publicKey: KeyObject }

/** An RSA key pair of the size that both wallets use. */
export function makeKeys(): KeyPair {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

export const pemOf = {
  privateKey: (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  publicKey: (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString(),
}

/** A certificate that a key signs for itself (RFC 5280, as little of it as there can be), with its serial in hex. */
export function makeCertificate({ privateKey, publicKey }: KeyPair): { pem: string; serial: string } {
  // Positive, and without a zero in front: DER allows one writing of a number only.
  const serial = Buffer.concat([Buffer.from([0x5a]), randomBytes(19)])
  const algorithm = der(0x30, der(0x06, hex('2a864886f70d01010b')), der(0x05))
  const name = der(0x30, der(0x31, der(0x30, der(0x06, hex('550403')), der(0x0c, Buffer.from('stand-in')))))
  const validity = der(0x30, der(0x17, Buffer.from('260101000000Z')), der(0x17, Buffer.from('460101000000Z')))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const version = der(0xa0, der(0x02, Buffer.from([2])))
  const body = der(0x30, version, der(0x02, serial), algorithm, name, validity, name, spki)
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey))
  const base64 = der(0x30, body, algorithm, signature).toString('base64')
  const lines = base64.match(/.{1,64}/g) ?? []
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    serial: serial.toString('hex').toUpperCase(),
  }
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
