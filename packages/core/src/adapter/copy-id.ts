import { createHash } from 'node:crypto'

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

/**
 * The broker id of a copy that core or an adapter makes of a message (composed retry and release, move, replay):
 * v5(id, n), so that no broker's dedupe can take the copy for the original, and repeating the same step makes the same id.
 */
export function copyId(id: string, step: string): string {
  return uuidV5(id, step)
}
