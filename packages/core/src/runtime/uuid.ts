import { createHash } from 'node:crypto'
import type { Clock } from './clock.ts'

/** Any UUID in the canonical lower-case text form (RFC 9562 section 4). */
export const UUID: RegExp = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** RFC 9562 section 5.5: SHA-1 of namespace and name, version 5, variant 10. */
export function uuidV5(namespace: string, name: string): string {
  const digest = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80
  const hex = digest.toString('hex', 0, 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Random bytes are fetched this many ids at a time: one call to the system per id costs more than the id. */
const IDS_PER_REFILL = 256

/**
 * Makes version 7 ids (RFC 9562 section 5.7): 48 bits of milliseconds, then a 12-bit counter (method 1 of section 6.2)
 * so that ids of one process sort in the order in which they were made, then 62 random bits.
 */
export function uuidV7Source(clock: Clock): () => string {
  let pool: Uint8Array = new Uint8Array(0)
  let used = 0
  let lastMs = 0
  let counter = 0

  return () => {
    if (used >= pool.length) {
      pool = clock.randomBytes(IDS_PER_REFILL * 8)
      used = 0
    }
    const now = Math.floor(clock.now())
    if (now > lastMs) {
      lastMs = now
      counter = (pool[used] ?? 0) & 0x7f
    } else {
      counter += 1
      if (counter > 0xfff) {
        lastMs += 1
        counter = 0
      }
    }
    const byte = (index: number) => HEX[pool[used + index] ?? 0] ?? '00'
    const time = lastMs.toString(16).padStart(12, '0')
    const variant = HEX[((pool[used] ?? 0) & 0x3f) | 0x80] ?? '80'
    const id =
      `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${variant}${byte(1)}-` +
      `${byte(2)}${byte(3)}${byte(4)}${byte(5)}${byte(6)}${byte(7)}`
    used += 8
    return id
  }
}
