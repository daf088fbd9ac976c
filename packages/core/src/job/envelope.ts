import { PRIORITIES, type Priority } from '../adapter/queue-names.ts'
import { EnvelopeError } from '../errors.ts'
import { UUID } from '../runtime/uuid.ts'
import { type Json, jsonText } from './json-text.ts'

/** The newest envelope that this code writes and reads. */
export const ENVELOPE_VERSION = 1

/** Why a job is dead. */
export type DeadReason =
  | 'attempts'
  | 'permanent'
  | 'rejected'
  | 'ambiguous'
  | 'deadline'
  | 'crash-loop'
  | 'poison'
  | 'unknown-job'

/** How a failure was classified: worth repeating, hopeless, or it may have happened. */
export type FailureClass = 'transient' | 'permanent' | 'ambiguous'

/** One failed attempt, as kept in notes and dead letters. */
export interface Failure {
  /** Epoch ms on the worker's clock. */
  readonly at: number
  readonly attempt: number
  readonly class: FailureClass
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
}

/** What a dead letter carries beside the job. */
export interface DeadRecord {
  readonly reason: DeadReason
  /** Epoch ms. */
  readonly at: number
  readonly attempts: number
  readonly lapses: number | null
  /** Oldest first; bounded, the first and the latest are kept. */
  readonly failures: readonly Failure[]
  /** The body as it was, when it could not be decoded. */
  readonly raw?: string
}

/** What travels as `Message.body`. The payload is the schema's input; each worker computes its own output. */
export interface Envelope {
  readonly v: number
  /** Job id: stays the same through retries, death and replay. */
  readonly id: string
  readonly job: string
  /** The user's queue, without lane. */
  readonly queue: string
  readonly priority: Priority
  readonly payloadVersion: number
  readonly payload: Json
  /** Epoch ms on the producer's clock. */
  readonly enqueuedAt: number
  /** Not to be started before (epoch ms); absent: at once. */
  readonly notBefore?: number
  readonly key?: string
  readonly orderKey?: string
  /** Absent: the job id. */
  readonly correlationId?: string
  readonly headers?: Readonly<Record<string, string>>
  /** How often it was replayed out of a dead queue. */
  readonly replays?: number
  readonly dead?: DeadRecord
  /** Why it died before it was replayed: the latest PAST_DEATHS, oldest first, without stacks. */
  readonly past?: readonly DeadRecord[]
}

/** How many earlier deaths an envelope remembers. */
export const PAST_DEATHS = 3

/** Envelope to body. Safe for every broker (see jsonText). */
export function encodeEnvelope(envelope: Envelope): string {
  return jsonText(envelope)
}

/** A version that this code is too old for; put back rather than dead. */
export class NewerEnvelopeError extends EnvelopeError {}

/** Body to envelope; throws EnvelopeError for anything that is not one, NewerEnvelopeError for a later version. */
export function decodeEnvelope(body: string): Envelope {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (cause) {
    throw new EnvelopeError('the message body is not JSON; it was not sent by Switchyard', {}, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EnvelopeError('the message body is not an envelope; it was not sent by Switchyard')
  }
  const fields = value as Record<string, unknown>
  if (!Number.isSafeInteger(fields.v) || (fields.v as number) < 1) bad('v', 'a version number')
  if ((fields.v as number) > ENVELOPE_VERSION) {
    throw new NewerEnvelopeError(
      `envelope version ${String(fields.v)} is newer than ${ENVELOPE_VERSION}; update this worker to read it`,
    )
  }
  for (const check of CHECKS) if (!check.holds(fields[check.field])) bad(check.field, check.wanted)
  return value as Envelope
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isTime = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)
const maybe =
  (holds: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === undefined || holds(value)
const isTextRecord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isText)

interface Check {
  readonly field: keyof Envelope
  readonly wanted: string
  readonly holds: (value: unknown) => boolean
}

const CHECKS: readonly Check[] = [
  { field: 'id', wanted: 'a UUID', holds: (value) => typeof value === 'string' && UUID.test(value) },
  { field: 'job', wanted: 'a job name', holds: (value) => typeof value === 'string' && value !== '' },
  { field: 'queue', wanted: 'a queue name', holds: (value) => typeof value === 'string' && value !== '' },
  {
    field: 'priority',
    wanted: `one of ${PRIORITIES.join(', ')}`,
    holds: (value) => (PRIORITIES as readonly unknown[]).includes(value),
  },
  { field: 'payloadVersion', wanted: 'a whole number >= 1', holds: (value) => isCount(value) && (value as number) > 0 },
  { field: 'payload', wanted: 'present', holds: (value) => value !== undefined },
  { field: 'enqueuedAt', wanted: 'a time', holds: isTime },
  { field: 'notBefore', wanted: 'a time', holds: maybe(isTime) },
  { field: 'key', wanted: 'text', holds: maybe(isText) },
  { field: 'orderKey', wanted: 'text', holds: maybe(isText) },
  { field: 'correlationId', wanted: 'text', holds: maybe(isText) },
  { field: 'headers', wanted: 'an object of texts', holds: maybe(isTextRecord) },
  { field: 'replays', wanted: 'a count', holds: maybe(isCount) },
  { field: 'dead', wanted: 'a dead record', holds: maybe(isDeadRecord) },
  {
    field: 'past',
    wanted: 'a list of dead records',
    holds: maybe((value) => Array.isArray(value) && value.every(isDeadRecord)),
  },
]

function isDeadRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const record = value as Record<string, unknown>
  return (
    isText(record.reason) &&
    isTime(record.at) &&
    isCount(record.attempts) &&
    Array.isArray(record.failures) &&
    record.failures.every((failure) => typeof failure === 'object' && failure !== null)
  )
}

function bad(field: string, wanted: string): never {
  throw new EnvelopeError(`envelope field ${field} is not ${wanted}; it was not written by Switchyard or was changed`)
}
