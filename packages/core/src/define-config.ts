import type { AdapterFactory } from './adapter/adapter.ts'
import { ConfigError } from './errors.ts'
import type { AnyJob } from './job/define-job.ts'
import type { Handler } from './job/handler.ts'
import type { QueueOptions } from './policy/queue-plan.ts'
import type { WorkOptions } from './worker/work-options.ts'

/** What `switchyard.config.ts` exports as default; CLI, conformance and chaos runs read it. */
export interface SwitchyardConfig {
  /** URL or factory; `--broker` and `SWITCHYARD_BROKER_URL` go before it. */
  // biome-ignore lint/suspicious/noExplicitAny: a config does not use transactions, so any adapter's Tx will do
  readonly broker: string | AdapterFactory<any>
  readonly jobs: readonly AnyJob[]
  readonly queues?: Readonly<Record<string, QueueOptions>>
  /** Loaded only by commands that run jobs, so that `enqueue` and `dlq` do not start what handlers need. */
  readonly handlers?: () => Promise<readonly Handler[]> | readonly Handler[]
  readonly work?: WorkOptions
}

const KEYS: readonly string[] = ['broker', 'jobs', 'queues', 'handlers', 'work']

/**
 * Checks the shape and gives editors the types. SWITCHYARD_BROKER_URL, when set, takes the place of `broker`, for programs that
 * read the config as for the command line: a swap must move all of them. Throws ConfigError naming the field.
 */
export function defineConfig(config: SwitchyardConfig): SwitchyardConfig {
  if (typeof config !== 'object' || config === null) throw new ConfigError('config: must be an object')
  for (const key of Object.keys(config)) {
    if (!KEYS.includes(key)) fail(key, `is unknown; known: ${KEYS.join(', ')}`)
  }
  const { broker, jobs, queues, handlers } = config
  if (typeof broker !== 'string' && typeof broker !== 'function') fail('broker', 'must be a URL or an adapter factory')
  if (!Array.isArray(jobs)) fail('jobs', 'must be a list of definitions made by defineJob')
  if (queues !== undefined && (typeof queues !== 'object' || queues === null))
    fail('queues', 'must be an object by queue name')
  if (handlers !== undefined && typeof handlers !== 'function')
    fail('handlers', 'must be a function that returns handlers')
  const fromEnvironment = process.env.SWITCHYARD_BROKER_URL
  return fromEnvironment ? { ...config, broker: fromEnvironment } : config
}

function fail(option: string, problem: string): never {
  throw new ConfigError(`config: ${option} ${problem}`, { option })
}
