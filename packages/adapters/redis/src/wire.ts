import { createHash } from 'node:crypto'
import { BrokerError, type Message } from '@switchyard/core/adapter'
import type { JobJson } from 'bullmq'
import { ADAPTER } from './errors.ts'

/** A bound of ours, far below `proto-max-bulk-len` (512 MiB): a batch travels as one transaction. */
export const MAX_BODY_BYTES: number = 16 * 1_024 * 1_024
/** Shorter than a round trip and a renewal makes no sense. */
export const MIN_LEASE_MS = 100
/** A hundred years: our own bound. BullMQ's scores (ms x 4096) lose whole milliseconds 69 000 years from now. */
export const MAX_DELAY_MS: number = 100 * 365 * 86_400_000

/**
 * One message as a BullMQ job. The body is JSON text and becomes `data` as it is, so that Bull Board and `Queue.getJob` show
 * name and payload. `attempts: 1`: BullMQ's own retries never run. The time is replaced by the server's (broker-clock-redis.ts).
 */
export function toJob(message: Message, { unique }: { readonly unique: boolean }): JobJson {
  const delay = Math.ceil(message.delayMs)
  const dedup = unique && message.unique !== undefined ? deduplicationOf(message.unique) : undefined
  return {
    id: message.id,
    name: message.name,
    data: message.body,
    opts: { attempts: 1, ...(delay > 0 ? { delay } : {}), ...(dedup === undefined ? {} : { deduplication: dedup }) },
    ...(dedup === undefined ? {} : { deduplicationId: dedup.id }),
    progress: 0,
    attemptsMade: 0,
    stacktrace: '[]',
    timestamp: 0,
  } as unknown as JobJson
}

/** BullMQ keeps one key per id: until the job is done for good, or for `ttl`. */
function deduplicationOf(unique: NonNullable<Message['unique']>): { readonly id: string; readonly ttl?: number } {
  return { id: uniqueId(unique.key), ...('windowMs' in unique ? { ttl: Math.max(1, Math.ceil(unique.windowMs)) } : {}) }
}

/** Any text as part of a key: long ones and those that UTF-8 cannot hold are hashed, so that two never become one. */
export function uniqueId(key: string): string {
  if (key.isWellFormed() && key.length <= 200) return `k:${key}`
  return `h:${createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('hex')}`
}

/** Why a message cannot be stored, or null. */
export function refusalOf(message: Message, queue: string): BrokerError | null {
  const refuse = (code: 'unsupported' | 'invalid' | 'too-large', text: string) =>
    new BrokerError({ adapter: ADAPTER, code, queue, message: text })
  const { delayMs, unique } = message
  if (message.orderKey !== undefined) return refuse('unsupported', 'there are no order keys on Redis')
  if (unique !== undefined && 'while' in unique && unique.while === 'queued')
    return refuse('unsupported', "unique while 'queued' is not kept on Redis; take while 'active' or a window")
  if (!(delayMs >= 0 && delayMs <= MAX_DELAY_MS))
    return refuse('invalid', `a delay of ${delayMs} ms is not within 0 and ${MAX_DELAY_MS} ms`)
  const bytes = Buffer.byteLength(message.body)
  if (bytes > MAX_BODY_BYTES) return refuse('too-large', `a body of ${bytes} bytes exceeds ${MAX_BODY_BYTES}`)
  return null
}
