import { ConfigError } from '../errors.ts'
import { type DeadReason, type DeadRecord, decodeEnvelope, type Envelope } from '../job/envelope.ts'

/** One dead job, for review. */
export interface DeadLetter {
  readonly jobId: string
  readonly job: string
  readonly queue: string
  readonly reason: DeadReason
  /** Epoch ms of its death. */
  readonly at: number
  readonly attempts: number
  /** Class, name, message and time of each failed attempt that is still known, oldest first. */
  readonly failures: DeadRecord['failures']
  /** Name and message of the last failure, or null. */
  readonly error: string | null
  readonly envelope: Envelope
}

/** Which dead letters are meant; all given conditions must hold. */
export interface DeadFilter {
  /** Default: every queue that this yard knows. */
  readonly queue?: string
  readonly jobId?: string
  readonly job?: string
  /** Died at or after (Date or epoch ms). */
  readonly since?: Date | number
  /** Found in the last error's name or message: text (any case) or a RegExp. */
  readonly error?: string | RegExp
  readonly reason?: DeadReason
}

const KEYS: readonly string[] = ['queue', 'jobId', 'job', 'since', 'error', 'reason']

/** Reads a dead queue's message; what cannot be read becomes a letter with reason `poison`, so that it can be seen and discarded. */
export function deadLetterOf(message: { readonly id: string; readonly body: string }, queue: string): DeadLetter {
  let envelope: Envelope
  try {
    envelope = decodeEnvelope(message.body)
  } catch {
    envelope = foreign(message, queue)
  }
  const record = envelope.dead ?? { reason: 'poison', at: envelope.enqueuedAt, attempts: 0, lapses: null, failures: [] }
  const last = record.failures.at(-1)
  return {
    jobId: envelope.id,
    job: envelope.job,
    queue: envelope.queue,
    reason: record.reason,
    at: record.at,
    attempts: record.attempts,
    failures: record.failures,
    error: last === undefined ? null : `${last.name}: ${last.message}`,
    envelope,
  }
}

function foreign(message: { readonly id: string; readonly body: string }, queue: string): Envelope {
  return {
    v: 1,
    id: message.id,
    job: '(undecodable)',
    queue,
    priority: 'normal',
    payloadVersion: 1,
    payload: null,
    enqueuedAt: 0,
    dead: { reason: 'poison', at: 0, attempts: 0, lapses: null, failures: [], raw: message.body },
  }
}

/** A filter as a function; throws ConfigError for unknown or unreadable conditions. */
export function matcherOf(filter: DeadFilter): (letter: DeadLetter) => boolean {
  checkFilter(filter)
  const { jobId, job, reason, error } = filter
  const since = filter.since === undefined ? Number.NEGATIVE_INFINITY : Number(filter.since)
  const wanted = typeof error === 'string' ? error.toLowerCase() : null
  return (letter) =>
    (jobId === undefined || letter.jobId === jobId) &&
    (job === undefined || letter.job === job) &&
    (reason === undefined || letter.reason === reason) &&
    letter.at >= since &&
    (wanted === null || (letter.error ?? '').toLowerCase().includes(wanted)) &&
    (!(error instanceof RegExp) || new RegExp(error.source, error.flags.replace(/[gy]/g, '')).test(letter.error ?? ''))
}

/** A condition that is there but says nothing would mean every letter: the wrong thing to guess before a discard. */
function checkFilter(filter: DeadFilter): void {
  const fail = (option: string, problem: string): never => {
    throw new ConfigError(`dead letters: ${option} ${problem}`, { option })
  }
  for (const [key, value] of Object.entries(filter) as [string, unknown][]) {
    if (!KEYS.includes(key)) fail(key, `is not a filter; known: ${KEYS.join(', ')}`)
    if (value === undefined || value === null) fail(key, 'is there without a value; leave it out to mean all')
    if (key === 'since') {
      if (!(typeof value === 'number' || value instanceof Date) || Number.isNaN(Number(value)))
        fail(key, 'must be a Date or epoch ms')
    } else if (typeof value !== 'string' && !(key === 'error' && value instanceof RegExp)) {
      fail(key, key === 'error' ? 'must be text or a RegExp' : 'must be text')
    }
  }
}
