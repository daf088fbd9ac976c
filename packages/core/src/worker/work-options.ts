import { ConfigError } from '../errors.ts'
import { DEFAULTS } from '../job/defaults.ts'
import type { Handler, Middleware } from '../job/handler.ts'

/** How one queue is served by a worker. */
export interface WorkQueueOptions {
  /** Jobs of this queue at once (default 10). */
  readonly concurrency?: number
  /** Share of the worker's slots when several queues have work (default 1). */
  readonly weight?: number
  /** Jobs leased ahead of a free slot (default 0). More throughput on slow networks; more lapses when the worker dies. */
  readonly prefetch?: number
}

/** Options of `yard.work`. */
export interface WorkOptions {
  /** All jobs at once; default: the sum of the queues' concurrency, so that weights do not matter. */
  readonly concurrency?: number
  readonly queues?: Readonly<Record<string, WorkQueueOptions>>
  readonly middleware?: readonly Middleware[]
  /** For people and events; default: process id and a number. */
  readonly id?: string
  /** `stop()` without a grace waits this long for running jobs (default 25 s). */
  readonly stopGraceMs?: number
  /** After the abort signal, how long a handler may take to end (default 5 s). */
  readonly abortGraceMs?: number
}

/** WorkOptions with every default filled in. */
export interface WorkSettings {
  readonly concurrency: number
  readonly queues: ReadonlyMap<string, Required<WorkQueueOptions>>
  readonly middleware: readonly Middleware[]
  readonly stopGraceMs: number
  readonly abortGraceMs: number
}

const WORK_KEYS: readonly string[] = ['concurrency', 'queues', 'middleware', 'id', 'stopGraceMs', 'abortGraceMs']
const QUEUE_KEYS: readonly string[] = ['concurrency', 'weight', 'prefetch']

/** Checks and completes; throws ConfigError naming the option. Queues come from the handlers' definitions. */
export function workSettings(handlers: readonly Handler[], options: WorkOptions): WorkSettings {
  known('work', options, WORK_KEYS)
  if (handlers.length === 0) fail('handlers', 'are empty: a worker without handlers would put every job back')
  const names = new Set<string>()
  const queues = new Map<string, Required<WorkQueueOptions>>()
  for (const { definition, run } of handlers) {
    if (typeof run !== 'function') fail('handlers', `need a function for job ${JSON.stringify(definition?.name)}`)
    if (names.has(definition.name)) fail('handlers', `name job ${JSON.stringify(definition.name)} twice`)
    names.add(definition.name)
    const own = (Object.hasOwn(options.queues ?? {}, definition.queue) ? options.queues?.[definition.queue] : {}) ?? {}
    const fallback = Math.min(options.concurrency ?? DEFAULTS.concurrency, Number.MAX_SAFE_INTEGER)
    queues.set(definition.queue, {
      concurrency: own.concurrency ?? fallback,
      weight: own.weight ?? DEFAULTS.weight,
      prefetch: own.prefetch ?? DEFAULTS.prefetch,
    })
  }
  for (const [queue, own] of Object.entries(options.queues ?? {})) {
    if (!queues.has(queue)) {
      fail(`queues.${queue}`, `is served by no handler; handlers serve: ${[...queues.keys()].join(', ')}`)
    }
    known(`queues.${queue}`, own, QUEUE_KEYS)
  }
  for (const [queue, own] of queues) {
    count(`queues.${queue}.concurrency`, own.concurrency, 1)
    count(`queues.${queue}.prefetch`, own.prefetch, 0)
    if (!(own.weight > 0 && own.weight <= 1_000_000)) fail(`queues.${queue}.weight`, 'must be above 0')
  }
  const sum = [...queues.values()].reduce((total, own) => total + own.concurrency, 0)
  const concurrency = options.concurrency ?? sum
  count('concurrency', concurrency, 1)
  const stopGraceMs = options.stopGraceMs ?? DEFAULTS.stopGraceMs
  const abortGraceMs = options.abortGraceMs ?? DEFAULTS.abortGraceMs
  if (!(stopGraceMs >= 0)) fail('stopGraceMs', 'must be a number of milliseconds >= 0')
  if (!(abortGraceMs >= 0)) fail('abortGraceMs', 'must be a number of milliseconds >= 0')
  const middleware = options.middleware ?? []
  if (!Array.isArray(middleware) || middleware.some((layer) => typeof layer !== 'function'))
    fail('middleware', 'must be a list of functions (context, next) => Promise')
  return { concurrency, queues, middleware, stopGraceMs, abortGraceMs }
}

function known(where: string, options: object, keys: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!keys.includes(key)) fail(`${where}.${key}`, `is unknown; known: ${keys.join(', ')}`)
  }
}

function count(option: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) fail(option, `must be a whole number >= ${least}, got ${value}`)
}

function fail(option: string, problem: string): never {
  throw new ConfigError(`work: ${option} ${problem}`, { option })
}
