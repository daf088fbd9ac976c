import type { StandardSchemaV1 } from '@standard-schema/spec'
import { PRIORITIES, type Priority, QUEUE_NAME } from '../adapter/queue-names.ts'
import { ConfigError } from '../errors.ts'
import { DEFAULTS } from './defaults.ts'
import type { DeadRecord } from './envelope.ts'
import { type RetryOptions, type RetryPolicy, retryPolicy } from './retry-policy.ts'

/** Admit one job per value: while it waits, until it is settled for good, or for a window after its enqueue. */
export type UniqueOption<Output> =
  | { readonly by?: (payload: Output) => string; readonly while: 'queued' | 'active' }
  | { readonly by?: (payload: Output) => string; readonly windowMs: number }

/** What happens besides the dead letter when a job dies: this job is enqueued, with an id made from the dead job's. */
export interface OnDead {
  readonly job: AnyJob
  /** Builds the payload (schema input) of the follow-up from the dead job. */
  readonly payload: (dead: {
    readonly jobId: string
    readonly payload: unknown
    readonly record: DeadRecord
  }) => unknown
}

/** Turns a payload of one version into the next version's. */
export type Upcaster = (payload: unknown) => unknown

/** What users write to define a job. */
export interface JobOptions<Schema extends StandardSchemaV1> {
  /** Unique in the program; letters, digits, `.`, `_`, `:` and `-`, at most 100 characters. */
  readonly name: string
  /** `[a-z0-9-]{1,60}`. */
  readonly queue: string
  /** Any Standard Schema (zod, valibot, arktype…). The envelope carries its input, handlers get its output. */
  readonly payload: Schema
  /** Raise when the payload changes shape, and add an upcaster from each older version. Default 1. */
  readonly payloadVersion?: number
  /** By version: `{ 1: (p) => v2payload }` is applied to payloads of version 1. */
  readonly upcast?: Readonly<Record<number, Upcaster>>
  /** Identity: the same key is the same job id, for ever. Handlers use it for idempotency. Never refused. */
  readonly key?: (payload: StandardSchemaV1.InferOutput<Schema>) => string
  /** The handler may run twice without harm although there is no key; affects ambiguous failures only. */
  readonly idempotent?: boolean
  readonly unique?: UniqueOption<StandardSchemaV1.InferOutput<Schema>>
  /** Jobs of one order key run one at a time, in order; only where the broker has that. */
  readonly orderKey?: (payload: StandardSchemaV1.InferOutput<Schema>) => string
  readonly retry?: RetryOptions
  /** One attempt may take this long (default 5 min); then its signal aborts with JobTimeout. */
  readonly timeoutMs?: number
  readonly priority?: Priority
  readonly onDead?: OnDead
  /** For people: shown in listings, never interpreted. */
  readonly tags?: readonly string[]
}

/** A definition with every default filled in; immutable. */
export interface JobDefinition<Input = unknown, Output = unknown> {
  readonly name: string
  readonly queue: string
  readonly payload: StandardSchemaV1<Input, Output>
  readonly payloadVersion: number
  readonly upcast: Readonly<Record<number, Upcaster>>
  readonly key: ((payload: Output) => string) | null
  readonly idempotent: boolean
  readonly unique: UniqueOption<Output> | null
  readonly orderKey: ((payload: Output) => string) | null
  readonly retry: RetryPolicy
  readonly timeoutMs: number
  readonly priority: Priority
  readonly onDead: OnDead | null
  readonly tags: readonly string[]
}

/** Any definition, where its payload type does not matter. */
// biome-ignore lint/suspicious/noExplicitAny: functions of the payload make a definition invariant; only any accepts all
export type AnyJob = JobDefinition<any, any>

const JOB_NAME = /^[A-Za-z0-9._:-]{1,100}$/

const OPTION_KEYS: ReadonlySet<string> = new Set([
  'name',
  'queue',
  'payload',
  'payloadVersion',
  'upcast',
  'key',
  'idempotent',
  'unique',
  'orderKey',
  'retry',
  'timeoutMs',
  'priority',
  'onDead',
  'tags',
])

/**
 * Defines a job once, for producers and workers alike. Plain data: it opens nothing. Throws ConfigError that names the
 * option for anything that can never work.
 */
export function defineJob<Schema extends StandardSchemaV1>(
  options: JobOptions<Schema>,
): JobDefinition<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>> {
  const { name, queue } = options
  const fail = (option: string, problem: string): never => {
    throw new ConfigError(`job ${JSON.stringify(name)}: ${option} ${problem}`, { job: String(name), option })
  }
  if (typeof name !== 'string' || !JOB_NAME.test(name)) fail('name', `must match ${JOB_NAME}`)
  for (const key of Object.keys(options)) {
    if (!OPTION_KEYS.has(key)) fail(key, `is not an option of defineJob; known: ${[...OPTION_KEYS].join(', ')}`)
  }
  if (typeof queue !== 'string' || !QUEUE_NAME.test(queue))
    fail('queue', `must match ${QUEUE_NAME}, got ${JSON.stringify(queue)}`)
  if (typeof options.payload?.['~standard']?.validate !== 'function') {
    fail('payload', 'must be a Standard Schema (zod, valibot, arktype, …): https://standardschema.dev')
  }
  const definition: JobDefinition<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>> = {
    name,
    queue,
    payload: options.payload as StandardSchemaV1<
      StandardSchemaV1.InferInput<Schema>,
      StandardSchemaV1.InferOutput<Schema>
    >,
    payloadVersion: options.payloadVersion ?? 1,
    upcast: options.upcast ?? {},
    key: options.key ?? null,
    idempotent: options.idempotent ?? false,
    unique: options.unique ?? null,
    orderKey: options.orderKey ?? null,
    retry: retryPolicy(options.retry ?? {}, { job: name }),
    timeoutMs: options.timeoutMs ?? DEFAULTS.timeoutMs,
    priority: options.priority ?? 'normal',
    onDead: options.onDead ?? null,
    tags: options.tags ?? [],
  }
  checkRest(definition, fail)
  return Object.freeze(definition)
}

function checkRest(definition: AnyJob, fail: (option: string, problem: string) => never): void {
  const { payloadVersion, upcast, unique } = definition
  if (!Number.isSafeInteger(payloadVersion) || payloadVersion < 1) fail('payloadVersion', 'must be a whole number >= 1')
  for (let version = 1; version < payloadVersion; version++) {
    if (typeof upcast[version] !== 'function')
      fail('upcast', `has no function for version ${version}: old jobs could not run`)
  }
  for (const version of Object.keys(upcast)) {
    if (!(Number(version) >= 1 && Number(version) < payloadVersion))
      fail('upcast', `names version ${version}, which is not older than payloadVersion ${payloadVersion}`)
  }
  for (const option of ['key', 'orderKey'] as const) {
    if (definition[option] !== null && typeof definition[option] !== 'function')
      fail(option, 'must be a function of the payload')
  }
  if (!(definition.timeoutMs > 0)) fail('timeoutMs', 'must be a positive number of milliseconds')
  if (!(PRIORITIES as readonly string[]).includes(definition.priority))
    fail('priority', `must be one of ${PRIORITIES.join(', ')}`)
  if (unique !== null) {
    const window = 'windowMs' in unique
    if (window ? !(unique.windowMs > 0) : unique.while !== 'queued' && unique.while !== 'active') {
      fail('unique', "must be { while: 'queued' | 'active' } or { windowMs } with windowMs > 0")
    }
    if (unique.by === undefined && definition.key === null)
      fail('unique', 'needs `by` (or a `key`) to know what is the same')
  }
  if (
    definition.onDead !== null &&
    (typeof definition.onDead.payload !== 'function' || !isJob(definition.onDead.job))
  ) {
    fail('onDead', 'must be { job, payload: (dead) => payload }')
  }
  if (!Array.isArray(definition.tags) || definition.tags.some((tag) => typeof tag !== 'string'))
    fail('tags', 'must be texts')
}

function isJob(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { name?: unknown }).name === 'string'
}
