import type { Adapter, Consumer, Delivery, Settlement, SettleResult } from '../adapter/adapter.ts'
import { BrokerError } from '../adapter/broker-error.ts'
import { asBrokerError } from '../adapter/guarded.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'

/** Leases per receive. */
const PAGE = 100
/** A receive that brings nothing for this long means that the dead queue has no more, where the broker cannot count. */
const SILENCE_MS = 1_000

/**
 * Takes the letters of one dead queue for a while: leases page after page, keeps the leases of those that are only looked
 * at, and gives them back unchanged at the end, so that looking loses and ages nothing. Exclusive where the broker can.
 */
export class DeadReader implements AsyncDisposable {
  readonly #clock: Clock
  readonly #consumer: Consumer
  readonly #held = new Set<Delivery>()
  readonly #leaseMs: number
  readonly #name: string
  readonly #queue: string
  readonly #expected: number | null
  #taken = 0
  #cancel: Cancel | null = null

  private constructor(parts: {
    readonly clock: Clock
    readonly consumer: Consumer
    readonly leaseMs: number
    readonly expected: number | null
    readonly name: string
    readonly queue: string
  }) {
    this.#name = parts.name
    this.#queue = parts.queue
    this.#clock = parts.clock
    this.#consumer = parts.consumer
    this.#leaseMs = parts.leaseMs
    this.#expected = parts.expected
    this.#keep()
  }

  static async open(adapter: Adapter, clock: Clock, queue: string, leaseMs: number): Promise<DeadReader> {
    const { ready } = await adapter.stats(queue)
    const exclusive = adapter.capabilities.exclusive.value ? { exclusive: true } : {}
    const consumer = await adapter
      .consume(queue, { leaseMs, prefetch: 0, ...exclusive, lost: () => {} })
      .catch((error: unknown) => {
        if (!(error instanceof BrokerError) || error.code !== 'conflict') throw error
        const message = 'another list, show, replay or discard reads this dead queue now; wait until it has ended'
        throw new BrokerError({ code: 'conflict', adapter: adapter.name, queue, message, cause: error })
      })
    const expected = ready?.exact === true ? ready.value : null
    return new DeadReader({ clock, consumer, leaseMs, expected, name: adapter.name, queue })
  }

  /** The next letters, at most `max`; empty when there are no more. They stay leased until settled or closed. */
  async next(max: number): Promise<readonly Delivery[]> {
    const left = this.#expected === null ? max : Math.min(max, this.#expected - this.#taken)
    if (left <= 0) return []
    const silence = new AbortController()
    const cancel = this.#clock.schedule(SILENCE_MS, () => silence.abort())
    try {
      const deliveries = await this.#consumer.receive(Math.min(PAGE, left), silence.signal)
      for (const delivery of deliveries) this.#held.add(delivery)
      this.#taken += deliveries.length
      return deliveries
    } finally {
      cancel()
    }
  }

  /** Never rejects: a call that failed is an answer, too. */
  async settle(settlement: Settlement): Promise<SettleResult> {
    this.#held.delete(settlement.delivery)
    try {
      const [result] = await this.#consumer.settle([settlement])
      return result ?? 'lost'
    } catch (error) {
      return asBrokerError(error, this.#name, this.#queue)
    }
  }

  #keep(): void {
    this.#cancel = this.#clock.schedule(this.#leaseMs / 3, () => {
      // A failed renewal shows when the letter is settled: it answers `lost`, and nothing was changed.
      if (this.#held.size > 0) this.#consumer.extend([...this.#held]).catch(() => {})
      this.#keep()
    })
  }

  /** Gives back what was only looked at, in the order in which it came. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel?.()
    try {
      const releases = [...this.#held].map((delivery): Settlement => ({ kind: 'release', delivery, delayMs: 0 }))
      if (releases.length > 0) await this.#consumer.settle(releases)
    } catch {
      // The close below gives back everything that is still held.
    } finally {
      await this.#consumer.close()
    }
  }
}
