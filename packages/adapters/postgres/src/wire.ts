import { createHash } from 'node:crypto'
import { BrokerError, type Message } from '@switchyard/core/adapter'
import type { JobInsert } from 'pg-boss'

/** A 32-bit "never": retries, expiry and retention of pg-boss are switched off with it. */
export const NEVER = 2_147_483_647

/**
 * What we store in `data`. The body is text inside the JSON, because jsonb refuses `\u0000` and reorders keys.
 * `tries` and `released` count how often this job was put back on purpose: what `retryCount` has beyond them are lapses.
 */
export interface Stored {
  /** Job name, for people who look at the table. */
  readonly job: string
  readonly body: string
  readonly note: string | null
  readonly tries: number
  readonly released: number
}

/** How the queue stores its messages. */
export interface QueueShape {
  readonly name: string
  readonly leaseSeconds: number
  /** Policy `key_strict_fifo`; otherwise `exclusive`. */
  readonly ordered: boolean
  /** Completed jobs are kept (until pg-boss deletes them), so that their ids stay taken. */
  readonly remembers: boolean
}

/**
 * One message as pg-boss takes it through `insert`, which does not check the heartbeat (10 s at least elsewhere) nor the
 * expiry (24 h at most elsewhere). `back` counts from the end of its batch: within one INSERT every job has the same
 * `created_on`, and the fetch index orders those by `start_after`.
 */
export function toInsert(message: Message, queue: QueueShape, back: number): JobInsert<Stored> {
  return {
    id: message.id,
    data: {
      job: message.name.toWellFormed().replaceAll('\0', ''),
      body: message.body,
      note: null,
      tries: 0,
      released: 0,
    },
    startAfter: message.delayMs > 0 ? delayText(message.delayMs) : `-${back} microseconds`,
    singletonKey: singletonKey(message, queue),
    retryLimit: NEVER,
    expireInSeconds: NEVER,
    retentionSeconds: NEVER,
    heartbeatSeconds: queue.leaseSeconds,
    // in an ordered queue the singleton key is taken; groups mean nothing to a fetch that does not ask for them
    ...(queue.ordered && message.unique !== undefined ? { group: { id: keyText(message.unique.key) } } : {}),
  }
}

/** A hundred years: our own bound, far from where timestamps overflow. */
export const MAX_DELAY_MS: number = 100 * 365 * 86_400_000

/** What is beyond it is refused, never shortened. */
export function delayRefusal(delayMs: number, queue: string): BrokerError {
  const message = `a delay of ${delayMs} ms is not within 0 and ${MAX_DELAY_MS} ms`
  return new BrokerError({ code: 'invalid', adapter: 'postgres', queue, message })
}

/** A delay as an interval: added to the server's own clock. */
export function delayText(delayMs: number): string {
  return `${Math.ceil(delayMs)} milliseconds`
}

/** Prefixes keep user keys and ids apart; without a key of its own a message is its own key, since both policies need one. */
function singletonKey(message: Message, queue: QueueShape): string {
  if (queue.ordered) return message.orderKey === undefined ? `id:${message.id}` : `key:${keyText(message.orderKey)}`
  return message.unique === undefined ? `id:${message.id}` : `unique:${keyText(message.unique.key)}`
}

/** Longer ones would not fit into an index row (a third of a page). */
const LONGEST_KEY = 400

/** Any JavaScript string as text that Postgres takes: lone surrogates and NUL escaped, long ones by their digest. */
export function keyText(key: string): string {
  const text = JSON.stringify(key)
  return text.length <= LONGEST_KEY ? text : `sha256:${createHash('sha256').update(text).digest('hex')}`
}

/** Reads `data`; what another program put into the queue is handed over as the JSON text that it is. */
export function fromData(data: unknown): Stored {
  const foreign = { job: '', note: null, tries: 0, released: 0 }
  if (typeof data !== 'object' || data === null) return { ...foreign, body: JSON.stringify(data ?? null) }
  const { job, body, note, tries, released } = data as Partial<Record<keyof Stored, unknown>>
  if (typeof body !== 'string') return { ...foreign, body: JSON.stringify(data) }
  return {
    job: typeof job === 'string' ? job : '',
    body,
    note: typeof note === 'string' ? note : null,
    tries: typeof tries === 'number' ? tries : 0,
    released: typeof released === 'number' ? released : 0,
  }
}

/** Leases that ended unsettled: every lease but the first counts in `retryCount`, and so did what we put back. */
export function lapsesOf(retryCount: number, stored: Stored): number {
  return Math.max(0, retryCount - stored.tries - stored.released)
}
