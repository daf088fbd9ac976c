import type { Message, Unique } from '../adapter/adapter.ts'
import type { Capabilities } from '../adapter/capabilities.ts'
import { laneName } from '../adapter/queue-names.ts'
import { ConfigError, type ErrorPlace, PayloadTooLargeError, SwitchyardError, UnsupportedError } from '../errors.ts'
import type { AnyJob } from '../job/define-job.ts'
import { ENVELOPE_VERSION, type Envelope, encodeEnvelope } from '../job/envelope.ts'
import { keyedId } from '../job/job-id.ts'
import { assertJson, type Json, jsonText } from '../job/json-text.ts'
import { validate } from '../job/validate.ts'
import type { QueuePlan } from '../policy/queue-plan.ts'
import { checkEnqueueOptions, type EnqueueOptions, epochMs, KEY_CHARS } from './enqueue-options.ts'

/** A job ready to be sent. */
export interface Outgoing {
  readonly envelope: Envelope
  readonly message: Message
  /** The broker's queue. */
  readonly lane: string
}

/** What building needs to know. */
export interface BuildContext {
  readonly broker: string
  readonly capabilities: Capabilities
  readonly plan: QueuePlan
  readonly now: () => number
  readonly newId: () => string
}

/** Checks payload and options and builds the message; sends nothing. Synchronous unless the schema is asynchronous. */
export function buildMessage(
  definition: AnyJob,
  payload: unknown,
  options: EnqueueOptions<unknown>,
  context: BuildContext,
): Outgoing | Promise<Outgoing> {
  const place = { job: definition.name, queue: definition.queue, broker: context.broker }
  checkEnqueueOptions(options, definition.name)
  if (options.tx !== undefined && !context.capabilities.transactions.value) {
    refuse(
      place,
      'tx',
      `cannot be kept: ${context.capabilities.transactions.why}. Use an outbox table, or a broker that is your database`,
    )
  }
  if (ASYNCHRONOUS.has(definition)) return assembleLater(definition, payload, null, options, context, place)
  const output = checked(definition, payload, place)
  if (!(output instanceof Promise)) return assemble(definition, payload, output, options, context, place)
  ASYNCHRONOUS.add(definition)
  return assembleLater(definition, payload, output, options, context, place)
}

/** Definitions whose schema has answered with a promise before: from then on it is asked once per enqueue. */
const ASYNCHRONOUS = new WeakSet<AnyJob>()

/** While the schema takes its time the caller may change the payload: what is sent, and judged, is what it was at the call. */
async function assembleLater(
  definition: AnyJob,
  payload: unknown,
  asked: Promise<unknown> | null,
  options: EnqueueOptions<unknown>,
  context: BuildContext,
  place: ErrorPlace,
): Promise<Outgoing> {
  asked?.catch(() => {})
  const own = { ...options }
  const converted = assertJson(payload, place)
  const asCalled: unknown = JSON.parse(jsonText(payload))
  // The worker will see text, so that must fit; of a Date or another object with toJSON the object itself must fit, too.
  const [, output] = await Promise.all([
    asked ?? (converted ? checked(definition, payload, place) : null),
    checked(definition, asCalled, place),
  ])
  return assemble(definition, asCalled, output, own, context, place)
}

/** Runs the schema; what it throws itself is a fault of the definition, not of the payload. */
function checked(definition: AnyJob, payload: unknown, place: ErrorPlace): unknown {
  const failed = (cause: unknown): never => {
    if (cause instanceof SwitchyardError) throw cause
    throw new ConfigError(
      `job ${JSON.stringify(place.job)}: its payload schema failed instead of judging: ${shown(cause)}`,
      { ...place, option: 'payload' },
      cause,
    )
  }
  try {
    const output: unknown = validate(definition.payload, payload, place)
    return output instanceof Promise ? output.catch(failed) : output
  } catch (error) {
    return failed(error)
  }
}

function shown(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `a thrown ${typeof thrown}`
}

function assemble(
  definition: AnyJob,
  payload: unknown,
  output: unknown,
  options: EnqueueOptions<unknown>,
  context: BuildContext,
  place: ErrorPlace,
): Outgoing | Promise<Outgoing> {
  const converted = assertJson(payload, place)
  const finish = () => finished(definition, payload as Json, output, options, context, place)
  if (!converted) return finish()
  // A Date or another object with toJSON: the worker will see text, so that text must fit the schema, too.
  const again = checked(definition, JSON.parse(jsonText(payload)) as unknown, place)
  return again instanceof Promise ? again.then(finish) : finish()
}

function finished(
  definition: AnyJob,
  payload: Json,
  output: unknown,
  options: EnqueueOptions<unknown>,
  context: BuildContext,
  place: ErrorPlace,
): Outgoing {
  const { capabilities, plan } = context
  const now = context.now()
  const key = options.key ?? keyOf(definition, 'key', output)
  const orderKey = options.orderKey ?? keyOf(definition, 'orderKey', output)
  if (orderKey !== undefined && !plan.ordered) {
    if (capabilities.ordering.value !== 'key') {
      refuse(place, 'orderKey', `cannot be kept: ${capabilities.ordering.why}. Use memory or sqlite, or concurrency 1`)
    }
    throw new ConfigError(
      `enqueue of ${JSON.stringify(definition.name)}: orderKey needs queue ${JSON.stringify(plan.name)} to be ordered: ` +
        `connect({ queues: { ${JSON.stringify(plan.name)}: { ordered: true } } })`,
      { ...place, option: 'orderKey' },
    )
  }
  const id = options.id ?? (key === undefined ? context.newId() : keyedId(definition.name, key))
  const notBefore =
    options.runAt === undefined ? now + Math.ceil(options.delayMs ?? 0) : Math.ceil(epochMs(options.runAt))
  const wantedMs = Math.max(0, notBefore - now)
  const most = capabilities.maxDelayMs.value
  if (wantedMs > 0 && most === 0) refuse(place, 'delayMs', `cannot be kept: ${capabilities.maxDelayMs.why}`)
  if (wantedMs > most && capabilities.maxReleaseDelayMs.value === 0) {
    refuse(place, 'delayMs', `${wantedMs} is longer than the broker's ${most} and it cannot park a job again`)
  }
  const envelope: Envelope = {
    v: ENVELOPE_VERSION,
    id,
    job: definition.name,
    queue: definition.queue,
    priority: definition.priority,
    payloadVersion: definition.payloadVersion,
    payload,
    enqueuedAt: now,
    ...(wantedMs > 0 ? { notBefore } : {}),
    ...(key === undefined ? {} : { key }),
    ...(orderKey === undefined ? {} : { orderKey }),
    ...(options.correlationId === undefined ? {} : { correlationId: options.correlationId }),
    ...(options.headers === undefined ? {} : { headers: options.headers }),
  }
  const body = encodeEnvelope(envelope)
  checkSize(payload, body, plan, place)
  const unique = uniqueOf(definition, output, key)
  const message: Message = {
    id,
    name: definition.name,
    body,
    delayMs: Math.min(wantedMs, most),
    ...(orderKey === undefined ? {} : { orderKey }),
    ...(unique === null ? {} : { unique }),
  }
  return { envelope, message, lane: laneName(definition.queue, definition.priority) }
}

/** UTF-8 needs at most three bytes per UTF-16 unit, so most bodies need no counting. */
function checkSize(payload: Json, body: string, plan: QueuePlan, place: ErrorPlace): void {
  if (body.length * 3 <= plan.maxPayloadBytes) return
  const bytes = Buffer.byteLength(jsonText(payload))
  if (bytes <= plan.maxPayloadBytes) return
  throw new PayloadTooLargeError(
    `job ${JSON.stringify(place.job)}: the encoded payload is ${bytes} bytes; queue ${JSON.stringify(plan.name)} takes ` +
      `${plan.maxPayloadBytes}. Store the data elsewhere and send its address, or raise maxPayloadBytes`,
    { ...place, option: 'maxPayloadBytes' },
  )
}

function keyOf(definition: AnyJob, option: 'key' | 'orderKey', output: unknown): string | undefined {
  const make = definition[option]
  return make === null ? undefined : textOf(definition, option, () => make(output))
}

/** What a function of the definition makes of a payload: text that identifies, the same on every broker. */
function textOf(definition: AnyJob, option: 'key' | 'orderKey' | 'unique', make: () => unknown): string {
  const fail = (problem: string, cause?: unknown): never => {
    throw new ConfigError(
      `job ${JSON.stringify(definition.name)}: ${option} must give well-formed text of 1 to ${KEY_CHARS} characters for every payload, ${problem}`,
      { job: definition.name, option },
      cause,
    )
  }
  let text: unknown
  try {
    text = make()
  } catch (cause) {
    return fail(`but threw ${shown(cause)}`, cause)
  }
  if (typeof text !== 'string') return fail(`got ${text === null ? 'null' : typeof text}`)
  if (text === '' || text.length > KEY_CHARS) return fail(`got ${text.length} characters`)
  return text.isWellFormed() ? text : fail('got lone surrogates')
}

function uniqueOf(definition: AnyJob, output: unknown, key: string | undefined): Unique | null {
  const { unique } = definition
  if (unique === null) return null
  const { by } = unique
  const value = textOf(definition, 'unique', () => (by === undefined ? key : by(output)))
  const scoped = `${definition.name}\u0000${value}`
  return 'windowMs' in unique ? { key: scoped, windowMs: unique.windowMs } : { key: scoped, while: unique.while }
}

function refuse(place: ErrorPlace, option: string, problem: string): never {
  throw new UnsupportedError(`enqueue of ${JSON.stringify(place.job)} on ${place.broker}: ${option} ${problem}`, {
    ...place,
    option,
  })
}
