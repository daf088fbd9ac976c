import type { Cancel, Clock, Delivery } from '@switchyard/core/adapter'
import type { Received } from './wire.ts'

/** One lease of ours. SQS does not fence: until when it may be used is decided here. */
export interface Lease {
  readonly received: Received
  readonly delivery: Delivery
  /** Host clock, before the request that leased it. */
  readonly requestedAt: number
  /** Host clock; `extend` moves it. Past it the receipt is worth nothing. */
  trustedUntil: number
  /** Host clock: until then it may wait in the buffer for a `receive`. */
  readonly backAt: number
  /** False while it waits there. */
  given: boolean
  /** A settlement is under way. */
  settling: boolean
  /** The copy of a composed settlement is stored: only the original is left to delete. */
  copied: boolean
  /** How a settlement of it ended is not known. */
  doubtful: boolean
}

/** What the keeper of leases may do. */
export interface LeaseActions {
  /** Told once per delivery whose lease ended by time, unsettled. */
  lost(deliveries: readonly Delivery[]): void
  /** Nobody received these in time; they are still held. */
  giveBack(leases: readonly Lease[]): void
}

/** A request must arrive before the lease ends: a tenth of it, a second at most, is left for its way. */
function marginOf(visibilityMs: number): number {
  return Math.min(1_000, visibilityMs / 10)
}

/** What one consumer holds, and one timer for when something must be done about it. */
export class Leases {
  readonly #clock: Clock
  readonly #actions: LeaseActions
  readonly #held = new Map<unknown, Lease>()
  #timer: { readonly at: number; readonly cancel: Cancel } | null = null
  #closed = false

  constructor(clock: Clock, actions: LeaseActions) {
    this.#clock = clock
    this.#actions = actions
  }

  /** `requestedAt`: host clock before the request; `visibilityMs`: what it asked for; `leasedAt`: what core is told. */
  add(
    received: Received,
    times: {
      readonly requestedAt: number
      readonly leasedAt: number
      readonly visibilityMs: number
      readonly backAt: number
    },
    lapses: number | null,
  ): Lease {
    // a lease prints as its number, so that no receipt handle gets into a log
    const receipt = Object.freeze({ lease: received.id, receive: received.receives })
    const { requestedAt, leasedAt, visibilityMs, backAt } = times
    const lease: Lease = {
      received,
      delivery: {
        message: { id: received.id, body: received.body },
        note: received.note,
        lapses,
        leasedAt,
        receipt,
      },
      requestedAt,
      trustedUntil: requestedAt + visibilityMs - marginOf(visibilityMs),
      backAt,
      given: false,
      settling: false,
      copied: false,
      doubtful: false,
    }
    this.#held.set(receipt, lease)
    this.#schedule(this.#dueAt(lease))
    return lease
  }

  /** Those that are still ours, now in the hands of core. */
  give(deliveries: readonly Delivery[]): readonly Delivery[] {
    return deliveries.filter(({ receipt }) => {
      const lease = this.#held.get(receipt)
      if (lease === undefined || lease.settling) return false
      lease.given = true
      this.#schedule(lease.trustedUntil)
      return true
    })
  }

  /** The lease behind a delivery while it may be used. */
  find({ receipt }: Delivery): Lease | undefined {
    const lease = this.#held.get(receipt)
    return lease !== undefined && this.#clock.now() < lease.trustedUntil ? lease : undefined
  }

  /** Renewed, `askedAt` host clock before the request. */
  extended(lease: Lease, askedAt: number, visibilityMs: number): void {
    lease.trustedUntil = askedAt + visibilityMs - marginOf(visibilityMs)
    this.#schedule(this.#dueAt(lease))
  }

  /** Settled, or not to be used any more. */
  drop({ receipt }: Delivery): void {
    this.#held.delete(receipt)
  }

  /** Known to be over: true when it was held until now, and core is to be told. A settlement under way will tell by itself. */
  end({ receipt }: Delivery): boolean {
    const lease = this.#held.get(receipt)
    return lease !== undefined && !lease.settling && this.#held.delete(receipt) && !lease.doubtful
  }

  /** Everything held, given or not. */
  all(): readonly Lease[] {
    return [...this.#held.values()]
  }

  /** No timer from now on. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #dueAt({ given, backAt, trustedUntil }: Lease): number {
    return given ? trustedUntil : Math.min(backAt, trustedUntil)
  }

  /** One timer, at the earliest; it looks at all and is set anew. */
  #schedule(at: number): void {
    if (this.#closed || (this.#timer !== null && this.#timer.at <= at)) return
    this.#timer?.cancel()
    const cancel = this.#clock.schedule(Math.max(10, at - this.#clock.now()), () => {
      this.#timer = null
      this.#look()
    })
    this.#timer = { at, cancel }
  }

  #look(): void {
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    const [lost, back]: [Delivery[], Lease[]] = [[], []]
    for (const [receipt, lease] of this.#held) {
      const at = this.#dueAt(lease)
      if (at > now) next = Math.min(next, at)
      else if (lease.settling) next = Math.min(next, now + 100)
      else if (!lease.given && now < lease.trustedUntil) back.push(lease)
      else {
        this.#held.delete(receipt)
        if (lease.given && !lease.doubtful) lost.push(lease.delivery)
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.#schedule(next)
    if (back.length > 0) this.#actions.giveBack(back)
    if (lost.length > 0) this.#actions.lost(lost)
  }
}
