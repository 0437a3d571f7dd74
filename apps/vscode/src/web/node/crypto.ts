// Digests at once and not by promise, which `crypto.subtle` has not.
import { sha256 } from '@noble/hashes/sha2.js'
import { randomBytes as random } from '@noble/hashes/utils.js'
import { Buffer } from 'buffer'

export interface Hash {
  update(data: string | Uint8Array): Hash
  digest(): Buffer
  digest(encoding: 'hex'): string
}

export const randomUUID = (): string => crypto.randomUUID()
export const randomBytes = (length: number): Buffer => Buffer.from(random(length))

export function createHash(algorithm: string): Hash {
  if (algorithm !== 'sha256') throw new Error(`${algorithm}: only sha256 is there`)
  const hash = sha256.create()
  const digest = ((encoding?: 'hex') => {
    const bytes = Buffer.from(hash.digest())
    return encoding ? bytes.toString(encoding) : bytes
  }) as Hash['digest']
  const self: Hash = {
    update(data) {
      hash.update(typeof data === 'string' ? new TextEncoder().encode(data) : data)
      return self
    },
    digest,
  }
  return self
}
