import { createHash } from 'node:crypto'

/**
 * The same for equal JSON values whatever the order of their keys, so that what was enqueued can be compared with what
 * arrived. Values that JSON does not keep (undefined, Dates) are compared as JSON would write them.
 */
export function payloadDigest(payload: unknown): string {
  return createHash('sha256').update(canonical(payload)).digest('hex').slice(0, 32)
}

function canonical(payload: unknown): string {
  const text = JSON.stringify(payload, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    // Object.fromEntries defines own properties, so a key named __proto__ stays a key.
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  })
  return text ?? 'undefined'
}
