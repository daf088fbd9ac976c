import type { Cancel, Clock, Delivery } from '@switchyard/core/adapter'

interface Held {
  readonly delivery: Delivery
  endsAt: number
}

/**
 * What one consumer has leased and not settled, and when each lease ends. Tells `ended` once per lease that ran out. All leases of
 * a consumer have one length and a renewed one moves to the end, so that the first entry is always the next to end.
 */
export class HeldLeases {
  readonly #clock: Clock
  readonly #ended: (deliveries: readonly Delivery[]) => void
  readonly #held = new Map<unknown, Held>()
  #timer: Cancel | null = null

  constructor(clock: Clock, ended: (deliveries: readonly Delivery[]) => void) {
    this.#clock = clock
    this.#ended = ended
  }

  /** How many leases are held. */
  get size(): number {
    return this.#held.size
  }

  /** A lease was taken or renewed. */
  hold(delivery: Delivery, endsAt: number): void {
    this.#held.delete(delivery.receipt)
    this.#held.set(delivery.receipt, { delivery, endsAt })
    this.#watch()
  }

  /** The lease ended by our own doing, or somebody was told already. False when it was not held. */
  drop(delivery: Delivery): boolean {
    return this.#held.delete(delivery.receipt)
  }

  /** Still held by this consumer and not ended yet. */
  holds(delivery: Delivery): boolean {
    return this.#held.has(delivery.receipt)
  }

  /** Forgets everything without telling; returns what was held. */
  clear(): readonly Delivery[] {
    const deliveries = [...this.#held.values()].map(({ delivery }) => delivery)
    this.#held.clear()
    this.#timer?.()
    this.#timer = null
    return deliveries
  }

  #watch(): void {
    if (this.#timer !== null) return
    for (const { endsAt } of this.#held.values()) {
      this.#timer = this.#clock.schedule(Math.max(0, endsAt - this.#clock.now()), () => {
        this.#timer = null
        this.#expire()
      })
      return
    }
  }

  #expire(): void {
    const now = this.#clock.now()
    const over: Delivery[] = []
    for (const { delivery, endsAt } of this.#held.values()) {
      if (endsAt > now) break
      over.push(delivery)
    }
    for (const delivery of over) this.#held.delete(delivery.receipt)
    this.#watch()
    if (over.length > 0) this.#ended(over)
  }
}
