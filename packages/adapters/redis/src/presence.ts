import { BrokerError, type Cancel } from '@switchyard/core/adapter'
import type { Context } from './context.ts'
import { ADAPTER } from './errors.ts'
import { attend } from './scripts.ts'

/** How long a vanished consumer still counts. */
const TTL_MS = 15_000
const RENEW_MS = 5_000
/** By our own clock: nothing is taken on a presence that may have ended at the server. */
const TRUST_MS = 12_000

/** What a presence is made of. */
export interface PresenceParts {
  readonly context: Context
  readonly queue: string
  /** Unique to the consumer. */
  readonly name: string
  readonly exclusive: boolean
}

/**
 * One consumer in the list of those who take from a queue. An exclusive one lets nobody else in, and gets in only when nobody
 * is there. Renewed while it lives; by the clock of the server, except that we stop taking by our own when renewing fails.
 */
export class Presence {
  readonly #parts: PresenceParts
  readonly #key: string
  readonly #member: string
  #renewedAt = Number.NEGATIVE_INFINITY
  #cancel: Cancel = () => undefined
  #over = false

  private constructor(parts: PresenceParts) {
    this.#parts = parts
    this.#key = parts.context.queues.backend(parts.queue).toKey('sy-consumers')
    this.#member = `${parts.exclusive ? 'x' : 's'}:${parts.name}`
  }

  /** @throws BrokerError `conflict` */
  static async enter(parts: PresenceParts): Promise<Presence> {
    const presence = new Presence(parts)
    if (!(await presence.#renew())) throw presence.#conflict('could not consume')
    presence.#schedule()
    return presence
  }

  /** Resolves when taking is allowed. Rejects with `conflict`: for an exclusive one for good, for a shared one until the other leaves. */
  async check(): Promise<void> {
    const { context, exclusive } = this.#parts
    if (context.host.clock.now() - this.#renewedAt < TRUST_MS) return
    if (await this.#renew()) return
    throw this.#conflict('must not take', !exclusive)
  }

  /** Idempotent. */
  async leave(): Promise<void> {
    this.#over = true
    this.#cancel()
    const { main } = this.#parts.context
    await main.redis.zrem(this.#key, this.#member).catch(() => undefined) // ends by itself
  }

  async #renew(): Promise<boolean> {
    const { context } = this.#parts
    const asked = context.host.clock.now()
    const allowed = await attend(context.main.redis, this.#key, this.#member, TTL_MS)
    this.#renewedAt = allowed ? asked : Number.NEGATIVE_INFINITY
    return allowed
  }

  #schedule(): void {
    this.#cancel = this.#parts.context.host.clock.schedule(RENEW_MS, () => {
      // a failure shows when it is trusted no longer
      void this.#renew()
        .catch(() => undefined)
        .then(() => {
          if (!this.#over) this.#schedule()
        })
    })
  }

  #conflict(doing: string, retryable = false): BrokerError {
    const { queue, exclusive } = this.#parts
    const why = exclusive ? 'other consumers are open on it' : 'an exclusive consumer has it'
    return new BrokerError({ adapter: ADAPTER, code: 'conflict', queue, message: `${doing}: ${why}`, retryable })
  }
}
