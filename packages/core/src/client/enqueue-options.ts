import { ConfigError, LONGEST_DELAY_MS } from '../errors.ts'
import { UUID } from '../runtime/uuid.ts'

/** Options of one enqueue. Unknown ones are refused. */
export interface EnqueueOptions<Tx = never> {
  /** Not before this many ms from now. */
  readonly delayMs?: number
  /** Not before this moment: a Date, epoch ms, or ISO 8601 text. */
  readonly runAt?: Date | number | string
  /**
   * The job id (a UUID): enqueue again with the id of an EnqueueError to resolve an unknown outcome. Goes before the id that
   * a key makes; handlers still see the key.
   */
  readonly id?: string
  /** Instead of the definition's key. */
  readonly key?: string
  /** Instead of the definition's order key. */
  readonly orderKey?: string
  /** Follows the job through logs and events; default: the job id. At most 200 characters. */
  readonly correlationId?: string
  /** Texts for handlers and middleware (trace context); at most 8 KiB together. */
  readonly headers?: Readonly<Record<string, string>>
  /** The user's transaction: the job exists when it commits. Only where `capabilities.transactions`. */
  readonly tx?: Tx
}

const KEYS: readonly string[] = ['delayMs', 'runAt', 'id', 'key', 'orderKey', 'correlationId', 'headers', 'tx']

/** Longest key, order key and unique value. */
export const KEY_CHARS = 500
const CORRELATION_CHARS = 200
const HEADER_BYTES = 8_192

/** Throws ConfigError naming job and option for anything unknown or out of range. */
export function checkEnqueueOptions(options: EnqueueOptions<unknown>, job: string): void {
  const fail = (option: string, problem: string): never => {
    throw new ConfigError(`enqueue of ${JSON.stringify(job)}: ${option} ${problem}`, { job, option })
  }
  if (typeof options !== 'object' || options === null) fail('options', 'must be an object')
  for (const key of Object.keys(options)) {
    if (!KEYS.includes(key)) fail(key, `is not an option of enqueue; known: ${KEYS.join(', ')}`)
  }
  const { delayMs, id, key, orderKey, correlationId, headers } = options
  if (delayMs !== undefined && options.runAt !== undefined) fail('runAt', 'and delayMs exclude each other')
  // Half of the range of Date, so that now plus the delay is a date, too.
  if (delayMs !== undefined && !(typeof delayMs === 'number' && delayMs >= 0 && delayMs <= LONGEST_DELAY_MS / 2)) {
    fail('delayMs', `must be a number of milliseconds from 0 to ${LONGEST_DELAY_MS / 2}, got ${String(delayMs)}`)
  }
  if (options.runAt !== undefined && Number.isNaN(epochMs(options.runAt))) {
    fail('runAt', 'must be a valid Date, epoch ms, or ISO 8601 text')
  }
  if (id !== undefined && (typeof id !== 'string' || !UUID.test(id))) fail('id', 'must be a lower-case UUID')
  text('key', key, KEY_CHARS, fail)
  text('orderKey', orderKey, KEY_CHARS, fail)
  text('correlationId', correlationId, CORRELATION_CHARS, fail)
  if (headers !== undefined) checkHeaders(headers, fail)
}

/** A runAt in epoch ms; NaN when it is not a time. */
export function epochMs(runAt: Date | number | string): number {
  if (typeof runAt === 'number') return Math.abs(runAt) <= LONGEST_DELAY_MS ? runAt : Number.NaN
  return runAt instanceof Date ? runAt.getTime() : Date.parse(runAt)
}

function text(option: string, value: string | undefined, most: number, fail: (o: string, p: string) => never): void {
  if (value === undefined) return
  if (typeof value !== 'string' || value === '' || value.length > most)
    fail(option, `must be text of 1 to ${most} characters`)
  // Every lone surrogate is the same U+FFFD in UTF-8: two keys would be one. A correlation id travels as JSON.
  if (option !== 'correlationId' && !value.isWellFormed())
    fail(option, 'must be well-formed text, without lone surrogates')
}

function checkHeaders(headers: unknown, fail: (option: string, problem: string) => never): void {
  // Headers and Map have no properties of their own: they would travel as nothing.
  const prototype: unknown =
    typeof headers === 'object' && headers !== null ? Object.getPrototypeOf(headers) : undefined
  if (prototype !== null && prototype !== Object.prototype) fail('headers', 'must be a plain object of texts')
  let bytes = 0
  for (const [name, value] of Object.entries(headers as object)) {
    if (typeof value !== 'string') fail(`headers.${name}`, 'must be text')
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value as string)
  }
  if (bytes > HEADER_BYTES) fail('headers', `are ${bytes} bytes; at most ${HEADER_BYTES}`)
}
