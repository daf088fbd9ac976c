import type { DeadReason, Failure } from '../job/envelope.ts'
import { jsonText } from '../job/json-text.ts'

/** Core's memory of one job between leases; travels as `Delivery.note` (JSON text, at most NOTE_BYTES). */
export interface Note {
  /** Handler outcomes so far that count; the next run is attempt + 1. */
  readonly attempts: number
  /** Times that a started job was released by a stopping worker. */
  readonly releases: number
  /** Times that a worker which does not know the job (or its version) put it back. */
  readonly putBacks: number
  /** Not to be started before (epoch ms); 0: at once. */
  readonly notBefore: number
  /** The first and the latest failures, oldest first. */
  readonly failures: readonly Failure[]
  /** It is dead, but the broker refused the move: no handler may run it, only the move is tried again. */
  readonly buried?: DeadReason
}

/** The seam's limit for a note (seam 1, `Delivery.note`). */
export const NOTE_BYTES = 4_096

/** A job that has not been handled yet. */
export const EMPTY_NOTE: Note = { attempts: 0, releases: 0, putBacks: 0, notBefore: 0, failures: [] }

/** Texts of failures are cut to this many characters in a note. */
const MESSAGE_CHARS = 300
const MOST_FAILURES = 10

/** Note to text; the oldest failures but the first are dropped until it fits. */
export function encodeNote(note: Note): string {
  let failures = note.failures.map(shortened)
  if (failures.length > MOST_FAILURES) failures = [...failures.slice(0, 1), ...failures.slice(1 - MOST_FAILURES)]
  for (;;) {
    const text = jsonText({ ...note, failures })
    if (Buffer.byteLength(text) <= NOTE_BYTES || failures.length === 0) return text
    failures = failures.length > 1 ? [...failures.slice(0, 1), ...failures.slice(2)] : []
  }
}

/** Text to note; null for a first delivery. Anything unreadable answers null in `note`, for the caller to treat as poison. */
export function decodeNote(text: string | null): Note | null {
  if (text === null) return EMPTY_NOTE
  try {
    const value: unknown = JSON.parse(text)
    return isNote(value) ? value : null
  } catch {
    return null
  }
}

function isNote(value: unknown): value is Note {
  if (typeof value !== 'object' || value === null) return false
  const { attempts, releases, putBacks, notBefore, failures, buried } = value as Record<string, unknown>
  return (
    [attempts, releases, putBacks].every((count) => Number.isSafeInteger(count) && (count as number) >= 0) &&
    typeof notBefore === 'number' &&
    Array.isArray(failures) &&
    failures.every(isFailure) &&
    (buried === undefined || typeof buried === 'string')
  )
}

/** Only what is read again: other fields of a failure are for people. */
function isFailure(value: unknown): value is Failure {
  if (typeof value !== 'object' || value === null) return false
  const { message, name } = value as Record<string, unknown>
  return typeof message === 'string' && typeof name === 'string'
}

function shortened(failure: Failure): Failure {
  const { stack: _dropped, ...rest } = failure
  return rest.message.length > MESSAGE_CHARS
    ? { ...rest, message: `${rest.message.slice(0, MESSAGE_CHARS - 1)}…` }
    : rest
}
