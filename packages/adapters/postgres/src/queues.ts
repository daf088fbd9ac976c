import { BrokerError, type QueueSpec } from '@switchyard/core/adapter'
import type { PgBoss, Queue } from 'pg-boss'
import type { QueueShape } from './wire.ts'
import { NEVER } from './wire.ts'

/** `createQueue` takes no heartbeat below ten seconds; shorter leases travel with each message. */
const LEAST_QUEUE_HEARTBEAT = 10
const DAY_SECONDS = 86_400

/** Declares queues and remembers what each looks like. */
export class Queues {
  readonly #boss: PgBoss
  readonly #known = new Map<string, QueueShape>()

  constructor(boss: PgBoss) {
    this.#boss = boss
  }

  /** Creates or updates. A queue made with another order or by another program is `exists`: pg-boss cannot change a policy. */
  async declare(spec: QueueSpec): Promise<void> {
    if (!/^[\w.\-/]{1,200}$/.test(spec.name))
      throw refused(spec.name, 'invalid', 'the name has characters outside [A-Za-z0-9_./-]')
    if (!(spec.leaseMs >= 1_000))
      throw refused(spec.name, 'invalid', `a lease of ${spec.leaseMs} ms is below one second`)
    const policy = spec.ordered ? 'key_strict_fifo' : 'exclusive'
    const leaseSeconds = Math.ceil(spec.leaseMs / 1_000)
    const options: Omit<Queue, 'name' | 'policy' | 'partition'> = {
      notify: true,
      retryLimit: NEVER,
      retryDelay: 0,
      retryBackoff: false,
      retentionSeconds: NEVER,
      expireInSeconds: DAY_SECONDS,
      deleteAfterSeconds: Math.ceil(spec.dedupeMs / 1_000),
      heartbeatSeconds: Math.max(LEAST_QUEUE_HEARTBEAT, leaseSeconds),
    }
    let found = await this.#boss.getQueue(spec.name)
    if (found === null) {
      await this.#boss.createQueue(spec.name, { policy, partition: true, ...options })
      found = await this.#boss.getQueue(spec.name)
    }
    if (found?.policy !== policy) {
      const why = `it was created with policy ${found?.policy ?? 'unknown'} and must have ${policy}`
      throw refused(
        spec.name,
        'exists',
        `${why}; pg-boss cannot change that: drain it, delete it, or take another name`,
      )
    }
    const wanted = Object.entries(options) as [string, unknown][]
    const same = wanted.every(([name, value]) => (found as unknown as Record<string, unknown>)[name] === value)
    if (!same) await this.#boss.updateQueue(spec.name, options)
    this.#known.set(spec.name, { name: spec.name, leaseSeconds, ordered: spec.ordered, remembers: spec.dedupeMs > 0 })
  }

  /** The queues that this process has to do with. */
  names(): readonly string[] {
    return [...this.#known.keys()]
  }

  /** What a queue looks like, declared here or by anyone. Rejects with `not-found`. */
  async shape(name: string): Promise<QueueShape> {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const shape = await this.#load(name)
    this.#known.set(name, shape)
    return shape
  }

  /** Asks the server whether the queue is still there: a deleted one would look like a queue full of duplicates. */
  async verify(name: string): Promise<void> {
    await this.#load(name)
  }

  async #load(name: string): Promise<QueueShape> {
    const found = /^[\w.\-/]+$/.test(name) ? await this.#boss.getQueue(name) : null
    if (found === null) {
      this.#known.delete(name)
      throw refused(name, 'not-found', 'there is no such queue; declare it first')
    }
    return {
      name,
      leaseSeconds: found.heartbeatSeconds ?? LEAST_QUEUE_HEARTBEAT,
      ordered: found.policy === 'key_strict_fifo',
      remembers: (found.deleteAfterSeconds ?? 0) > 0,
    }
  }
}

function refused(queue: string, code: 'invalid' | 'exists' | 'not-found', message: string): BrokerError {
  return new BrokerError({ code, adapter: 'postgres', queue, message })
}
