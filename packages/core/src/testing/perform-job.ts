import { decodeEnvelope, ENVELOPE_VERSION, encodeEnvelope } from '../job/envelope.ts'
import type { Handler, JobContext } from '../job/handler.ts'
import { keyedId } from '../job/job-id.ts'
import { assertJson, type Json } from '../job/json-text.ts'
import { currentPayload } from '../job/upcast.ts'
import { validate } from '../job/validate.ts'
import { type Decision, decide, type Outcome } from '../policy/decide.ts'
import { EMPTY_NOTE } from '../policy/note.ts'
import { silentLogger } from '../runtime/logger.ts'
import { fakeClock } from './fake-clock.ts'

/** How a handler did, and what policy would do about it. */
export interface Performed {
  readonly outcome: 'completed' | 'failed'
  /** What the handler returned. */
  readonly value: unknown
  readonly error: unknown
  /** complete, retry (with its delay and class), release or dead (with its reason). */
  readonly decision: Decision
}

/**
 * Runs one handler in this process, without a broker, as a worker would: the payload makes the whole way through schema,
 * JSON and schema, so that a Date or a Map that would not survive fails here, too.
 */
export async function performJob(
  handler: Handler,
  payload: unknown,
  options: {
    readonly attempt?: number
    readonly signal?: AbortSignal
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): Promise<Performed> {
  const { definition } = handler
  const place = { job: definition.name, queue: definition.queue }
  const clock = fakeClock()
  assertJson(payload, place)
  const output: unknown = await validate(definition.payload, payload, place)
  const key = definition.key === null ? null : definition.key(output)
  const id = keyedId(definition.name, key ?? 'performJob')
  const envelope = decodeEnvelope(
    encodeEnvelope({
      v: ENVELOPE_VERSION,
      id,
      job: definition.name,
      queue: definition.queue,
      priority: definition.priority,
      payloadVersion: definition.payloadVersion,
      payload: payload as Json,
      enqueuedAt: clock.now(),
      ...(key === null ? {} : { key }),
    }),
  )
  const received: unknown = await validate(definition.payload, currentPayload(definition, envelope), place)
  const attempt = options.attempt ?? 1
  const context: JobContext = {
    job: {
      id,
      name: definition.name,
      queue: definition.queue,
      key,
      orderKey: definition.orderKey === null ? null : definition.orderKey(output),
      correlationId: id,
      headers: options.headers ?? {},
      enqueuedAt: clock.now(),
      replays: 0,
    },
    attempt,
    lapses: 0,
    signal: options.signal ?? new AbortController().signal,
    log: silentLogger,
    complete: () => Promise.resolve(),
  }
  let outcome: Outcome = { kind: 'completed' }
  let value: unknown
  try {
    value = await handler.run(received as never, context)
  } catch (error) {
    outcome = { kind: 'failed', error }
  }
  const decision = decide(outcome, {
    note: { ...EMPTY_NOTE, attempts: attempt - 1 },
    policy: definition.retry,
    repeatable: definition.key !== null || definition.idempotent,
    enqueuedAt: clock.now(),
    now: clock.now(),
    random: clock.random,
  })
  return { outcome: outcome.kind, value, error: outcome.kind === 'failed' ? outcome.error : undefined, decision }
}
