import type { Cancel, Clock, Delivery } from '@switchyard/core/adapter'
import { type Receipt, receiptOf } from './settle.ts'

/** What the keeper may do to leases; each answers with the receipts it still found live. */
export interface LeaseActions {
  /** Renews at the server. */
  touch(receipts: readonly Receipt[]): Promise<ReadonlySet<Receipt>>
  /** Gives back without a lapse. */
  giveBack(deliveries: readonly Delivery[]): Promise<void>
  /** Ends the lease as a lapse. */
  expire(receipts: readonly Receipt[]): Promise<void>
  /** Told once per delivery whose lease is over. */
  lost(deliveries: readonly Delivery[]): void
  failed(error: unknown): void
}

interface Held {
  readonly delivery: Delivery
  readonly receipt: Receipt
  /** False while it waits in the buffer for a `receive`. */
  given: boolean
  /** Host clock; moved by `extend`. */
  endsAt: number
  /** Last renewal at the server, host clock, read before the call. */
  touchedAt: number
  /** A settlement of it got no answer, or waits for the user's commit. */
  doubtful: boolean
}

/**
 * What one consumer holds. pg-boss fixes the heartbeat of a job when it is stored, from the queue's lease; a consumer may ask for
 * another lease. Where the two differ this renews in between (heartbeat shorter) or ends the lease itself (heartbeat longer), by
 * the host's clock. Where they agree, as core declares them, no timer runs for what was handed over. What nobody has received
 * for half a lease goes back, so that a parked take costs no lapse.
 */
export class HeldLeases {
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #actions: LeaseActions
  readonly #held = new Map<Receipt, Held>()
  #cancel: Cancel | null = null
  #working = false
  #closed = false

  constructor(clock: Clock, leaseMs: number, actions: LeaseActions) {
    this.#clock = clock
    this.#leaseMs = leaseMs
    this.#actions = actions
  }

  /** Freshly leased, not yet handed over. */
  park(deliveries: readonly Delivery[]): void {
    const now = this.#clock.now()
    // settled in a transaction that has committed by now, or answered by nobody: nothing of ours any more
    for (const [receipt, { doubtful, endsAt }] of this.#held) if (doubtful && endsAt < now) this.#held.delete(receipt)
    for (const delivery of deliveries) {
      const { leasedAt } = delivery
      const receipt = receiptOf(delivery)
      this.#held.set(receipt, {
        delivery,
        receipt,
        given: false,
        endsAt: leasedAt + this.#leaseMs,
        touchedAt: leasedAt,
        doubtful: false,
      })
    }
    this.#schedule()
  }

  /** Those that are still ours, now in the hands of core. */
  give(deliveries: readonly Delivery[]): readonly Delivery[] {
    return deliveries.filter((delivery) => {
      const held = this.#held.get(receiptOf(delivery))
      if (held === undefined) return false
      held.given = true
      return true
    })
  }

  /** True while its lease cannot have ended at the server: renewed less than three quarters of it ago, and nothing in doubt. */
  trusts(delivery: Delivery): boolean {
    const held = this.#held.get(receiptOf(delivery))
    if (held === undefined || held.doubtful) return false
    return this.#clock.now() < held.touchedAt + 0.75 * held.receipt.heartbeatMs
  }

  /** How its settlement ended is not known. */
  doubt(delivery: Delivery): void {
    const held = this.#held.get(receiptOf(delivery))
    if (held !== undefined) held.doubtful = true
  }

  /** Settled, or known to be lost: true when it was held until now. */
  drop(delivery: Delivery): boolean {
    return this.#held.delete(receiptOf(delivery))
  }

  /** Core renewed it, `at` host clock before the call. */
  extended(delivery: Delivery, at: number): void {
    const held = this.#held.get(receiptOf(delivery))
    if (held === undefined) return
    held.endsAt = at + this.#leaseMs
    held.touchedAt = at
    held.doubtful = false
    this.#schedule()
  }

  /** Everything held, given or not. */
  all(): readonly Delivery[] {
    return [...this.#held.values()].map(({ delivery }) => delivery)
  }

  /** No timer from now on. */
  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  /** When something must be done about it; Infinity: never by us. */
  #dueAt({ given, receipt, endsAt, touchedAt }: Held): number {
    const renewAt = receipt.heartbeatMs < this.#leaseMs ? touchedAt + receipt.heartbeatMs / 3 : Number.POSITIVE_INFINITY
    if (!given) return Math.min(renewAt, endsAt - this.#leaseMs / 2)
    // the server rounds leases up to whole seconds
    const agrees = receipt.heartbeatMs === Math.ceil(this.#leaseMs / 1_000) * 1_000
    return agrees ? Number.POSITIVE_INFINITY : Math.min(renewAt, endsAt)
  }

  #schedule(): void {
    this.#cancel?.()
    this.#cancel = null
    if (this.#closed || this.#working) return
    let due = Number.POSITIVE_INFINITY
    for (const held of this.#held.values()) due = Math.min(due, this.#dueAt(held))
    if (due === Number.POSITIVE_INFINITY) return
    this.#cancel = this.#clock.schedule(Math.max(10, due - this.#clock.now()), () => void this.#work())
  }

  async #work(): Promise<void> {
    this.#working = true
    try {
      await this.#keep()
    } catch (error) {
      this.#actions.failed(error)
    } finally {
      this.#working = false
      this.#schedule()
    }
  }

  async #keep(): Promise<void> {
    const now = this.#clock.now()
    const due = [...this.#held.values()].filter((held) => this.#dueAt(held) <= now)
    const back = due.filter(({ given, endsAt }) => !given && endsAt - this.#leaseMs / 2 <= now)
    const over = due.filter(({ given, endsAt }) => given && endsAt <= now)
    const renew = due.filter((held) => !back.includes(held) && !over.includes(held))
    for (const { receipt } of [...back, ...over]) this.#held.delete(receipt)
    if (over.length > 0) {
      this.#tellLost(over)
      await this.#actions.expire(over.map(({ receipt }) => receipt))
    }
    if (back.length > 0) await this.#actions.giveBack(back.map(({ delivery }) => delivery))
    if (renew.length === 0) return
    for (const held of renew) held.touchedAt = now // also when it fails: the next try is a third of the heartbeat later
    const live = await this.#actions.touch(renew.map(({ receipt }) => receipt))
    const gone = renew.filter(({ receipt }) => !live.has(receipt) && this.#held.delete(receipt))
    this.#tellLost(gone)
  }

  /** Core never saw what was not given; what is in doubt may have been settled. */
  #tellLost(gone: readonly Held[]): void {
    const lost = gone.filter(({ given, doubtful }) => given && !doubtful).map(({ delivery }) => delivery)
    if (lost.length > 0) this.#actions.lost(lost)
  }
}
