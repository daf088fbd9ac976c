import { BrokerError, baseName, type QueueSpec } from '@switchyard/core/adapter'
import { createRedisBackend, QueueKeys, RedisQueueBackend } from 'bullmq'
import { ADAPTER } from './errors.ts'
import type { Link } from './link.ts'
import type { Settings } from './options.ts'

/** Version of what we store beside BullMQ's keys. */
const VERSION = 1

/** The members of BullMQ's backend that this package uses; two of them are on the class only. A test pins them. */
export type Backend = Pick<
  RedisQueueBackend,
  | 'addJobToTransaction'
  | 'execCommand'
  | 'extendLock'
  | 'getJobData'
  | 'getRanges'
  | 'keys'
  | 'moveJobFromActiveToWait'
  | 'moveStalledJobsToWait'
  | 'moveToActive'
  | 'moveToCompletedArgs'
  | 'moveToDelayed'
  | 'moveToFinished'
  | 'toKey'
>

/** What a queue was declared with. */
export interface QueueShape {
  readonly name: string
  readonly dedupeMs: number
}

/** Declares queues and gives out BullMQ backends for them, all on one connection. */
export class Queues {
  readonly #root: RedisQueueBackend
  readonly #main: Link
  readonly #settings: Settings
  readonly #known = new Map<string, QueueShape>()
  readonly #backends = new Map<string, Backend>()

  private constructor(root: RedisQueueBackend, main: Link, settings: Settings) {
    this.#root = root
    this.#main = main
    this.#settings = settings
  }

  /** BullMQ reads the server's version here, once: a backend that is made while the connection is down would fail for ever. */
  static async open(main: Link, settings: Settings): Promise<Queues> {
    const root = createRedisBackend('switchyard', { connection: main.redis, skipVersionCheck: true })
    root.on('error', () => undefined) // told by the link; without a listener Node throws
    await root.waitUntilReady()
    return new Queues(root, main, settings)
  }

  /** Idempotent; the last declaration counts. */
  async declare(spec: QueueSpec): Promise<void> {
    if (!/^[\w.-]{1,200}$/.test(spec.name))
      throw refused(spec.name, 'invalid', 'the name has characters outside A-Z a-z 0-9 . _ -')
    if (spec.ordered) throw refused(spec.name, 'unsupported', 'there are no order keys on Redis')
    await this.#main.redis.hset(this.backend(spec.name).toKey('sy'), {
      v: VERSION,
      leaseMs: spec.leaseMs,
      dedupeMs: spec.dedupeMs,
    })
    this.#known.set(spec.name, { name: spec.name, dedupeMs: spec.dedupeMs })
  }

  /** What a queue looks like, declared here or by anyone. @throws BrokerError `not-found` */
  async shape(name: string): Promise<QueueShape> {
    return this.#known.get(name) ?? this.verify(name)
  }

  /** The same, asked of the server. */
  async verify(name: string): Promise<QueueShape> {
    const missing = () => {
      this.#known.delete(name)
      return refused(name, 'not-found', 'there is no such queue; declare it first')
    }
    if (!/^[\w.-]{1,200}$/.test(name)) throw missing()
    const [version, dedupeMs] = await this.#main.redis.hmget(this.backend(name).toKey('sy'), 'v', 'dedupeMs')
    if (typeof version !== 'string') throw missing()
    if (Number(version) > VERSION)
      throw refused(name, 'version', `a newer release declared it (version ${version}, this one knows ${VERSION})`)
    const shape = { name, dedupeMs: Number(dedupeMs ?? 0) }
    this.#known.set(name, shape)
    return shape
  }

  /** BullMQ's backend of a queue. */
  backend(name: string): Backend {
    const known = this.#backends.get(name)
    if (known !== undefined) return known
    const backend = this.#make(name, 30_000)
    this.#backends.set(name, backend)
    return backend
  }

  /** One whose takes lock for `leaseMs`. */
  leasing(name: string, leaseMs: number): Backend {
    return this.#make(name, leaseMs)
  }

  /** A queue, its lanes and its dead queue share one hash tag, and so one slot of a cluster. */
  #make(name: string, lockDuration: number): Backend {
    const prefix = `{${this.#settings.prefix}:${baseName(name)}}`
    const keys = new QueueKeys(prefix)
    const options = {
      prefix,
      lockDuration,
      maxStalledCount: Number.MAX_SAFE_INTEGER, // when a lapse is one too many is for core to say
      // below our own interval: a look that came a millisecond early would be put off by a whole one
      stalledInterval: Math.floor(this.#settings.stalledIntervalMs * 0.8),
      connection: this.#main.redis,
    }
    return new RedisQueueBackend(
      this.#root.connection,
      name,
      keys.getKeys(name),
      (type) => keys.toKey(name, type),
      options,
      undefined,
      false,
    )
  }
}

function refused(
  queue: string,
  code: 'invalid' | 'not-found' | 'unsupported' | 'version',
  message: string,
): BrokerError {
  return new BrokerError({ code, adapter: ADAPTER, queue, message })
}
