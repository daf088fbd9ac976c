import type { AdapterFactory, AdapterHost } from './adapter/adapter.ts'
import { BrokerError } from './adapter/broker-error.ts'
import { withDeadline } from './adapter/deadline.ts'
import { asBrokerError, guarded } from './adapter/guarded.ts'
import { ConfigError, SwitchyardError } from './errors.ts'
import { DEFAULTS } from './job/defaults.ts'
import type { AnyJob } from './job/define-job.ts'
import { Emitter } from './observe/emitter.ts'
import { checkCapabilities } from './policy/check-capabilities.ts'
import { planQueues, type QueueOptions } from './policy/queue-plan.ts'
import { resolveBroker } from './resolve-broker.ts'
import { type Clock, systemClock } from './runtime/clock.ts'
import { type Logger, silentLogger } from './runtime/logger.ts'
import { Yard } from './yard.ts'

/** What `connect` needs. Changing the broker is changing `broker`. */
export interface ConnectOptions<Tx = never> {
  /** A URL (`memory:`, `sqlite:FILE`, `redis://`, `amqp://`, `sqs://`, `postgres://`) or an adapter factory. */
  readonly broker: string | AdapterFactory<Tx>
  /** Every definition that this program enqueues or handles: they are checked against the broker before any job. */
  readonly jobs: readonly AnyJob[]
  readonly queues?: Readonly<Record<string, QueueOptions>>
  /** Default: silent. */
  readonly log?: Logger
  /** Every call to the broker ends within this (default 30 s). */
  readonly callDeadlineMs?: number
  /** The first connect fails typed within this (default 10 s). */
  readonly connectDeadlineMs?: number
  /** Folder that relative paths in URLs and adapter packages are looked for from (default: working directory). */
  readonly base?: string
  /** For tests and simulators. */
  readonly clock?: Clock
}

const KEYS: readonly string[] = [
  'broker',
  'jobs',
  'queues',
  'log',
  'callDeadlineMs',
  'connectDeadlineMs',
  'base',
  'clock',
]

/** How much later than its own deadline an adapter may fail to connect before core stops waiting for it. */
const CONNECT_NET_MS = 2_000

/**
 * Opens a broker and checks all definitions against what it keeps. Throws ConfigError or UnsupportedError for what can
 * never work, BrokerError when the broker cannot be reached in time.
 */
export async function connect<Tx = never>(options: ConnectOptions<Tx>): Promise<Yard<Tx>> {
  if (typeof options !== 'object' || options === null) throw new ConfigError('connect: needs { broker, jobs }')
  for (const key of Object.keys(options)) {
    if (!KEYS.includes(key)) {
      throw new ConfigError(`connect: ${key} is not an option; known: ${KEYS.join(', ')}`, { option: key })
    }
  }
  const { broker, jobs } = options
  if (!Array.isArray(jobs)) throw new ConfigError('connect: jobs must be a list of definitions', { option: 'jobs' })
  checkNames(jobs)
  const clock = options.clock ?? systemClock
  const log = options.log ?? silentLogger
  const emitter = new Emitter(log)
  const factory = typeof broker === 'string' ? await urlFactory<Tx>(broker, options.base ?? process.cwd()) : broker
  if (typeof factory !== 'function') {
    throw new ConfigError('connect: broker must be a URL or an adapter factory', { option: 'broker' })
  }
  let name = 'broker'
  const host: AdapterHost = {
    clock,
    log,
    callDeadlineMs: deadline('callDeadlineMs', options.callDeadlineMs ?? DEFAULTS.callDeadlineMs),
    connectDeadlineMs: deadline('connectDeadlineMs', options.connectDeadlineMs ?? DEFAULTS.connectDeadlineMs),
    report: (fault) => emitter.emit('broker.fault', { broker: name, code: fault.code, message: fault.message }),
  }
  const opening = (async () => factory(host))()
  const opened = await withDeadline(clock, host.connectDeadlineMs + CONNECT_NET_MS, opening, () => {
    // The answer may still come: then nobody would own that connection.
    opening.then(
      (late) => late.close().catch(() => {}),
      () => {},
    )
    return new BrokerError({
      code: 'timeout',
      adapter: 'connect',
      message: `the broker did not answer within connectDeadlineMs (${host.connectDeadlineMs})`,
    })
  }).catch((error: unknown) => {
    throw error instanceof SwitchyardError ? error : asBrokerError(error, 'connect', null)
  })
  name = opened.name
  const adapter = guarded(opened, host)
  try {
    const plans = planQueues(jobs, options.queues ?? {}, adapter.capabilities)
    checkCapabilities(adapter, jobs, plans)
    return new Yard({ adapter, jobs, plans, clock, log, emitter })
  } catch (error) {
    // Why it cannot work is the news; that closing failed too is not.
    await adapter.close().catch(() => {})
    throw error
  }
}

/** A URL's adapter has no typed transaction: `tx` then does not compile, and is refused before I/O where there is none. */
async function urlFactory<Tx>(url: string, base: string): Promise<AdapterFactory<Tx>> {
  return (await resolveBroker(url, base)) as unknown as AdapterFactory<Tx>
}

function checkNames(jobs: readonly AnyJob[]): void {
  const seen = new Map<string, AnyJob>()
  for (const job of jobs) {
    if (typeof job?.name !== 'string' || typeof job.retry !== 'object') {
      throw new ConfigError('connect: jobs must come from defineJob', { option: 'jobs' })
    }
    if (seen.has(job.name) && seen.get(job.name) !== job) {
      throw new ConfigError(`connect: two definitions are named ${JSON.stringify(job.name)}; rename one`, {
        job: job.name,
        option: 'jobs',
      })
    }
    seen.set(job.name, job)
  }
  for (const { name, onDead } of jobs) {
    if (onDead === null || seen.get(onDead.job.name) === onDead.job) continue
    throw new ConfigError(
      `job ${JSON.stringify(name)}: its onDead job ${JSON.stringify(onDead.job.name)} is not among connect({ jobs }), so it could not be enqueued; add it there`,
      { job: name, option: 'onDead' },
    )
  }
}

function deadline(option: string, ms: number): number {
  if (Number.isFinite(ms) && ms > 0) return ms
  throw new ConfigError(`connect: ${option} must be a positive number of milliseconds`, { option })
}
