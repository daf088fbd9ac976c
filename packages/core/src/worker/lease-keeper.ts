import type { Consumer, Delivery } from '../adapter/adapter.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'

/** What the keeper needs of a running job. */
export interface Leased {
  readonly delivery: Delivery
  /** When the lease last began or was renewed (epoch ms, host clock, read before the call). */
  renewedAt: number
}

/** The keeper looks six times per lease and renews what is older than a sixth: so every lease is renewed by a third. */
const LOOKS_PER_LEASE = 6

/** Every lease is renewed after this part of it at the latest: a third. */
const RENEWED_BY = 3

/** A stall worth telling: the event loop stood still for more than a third of a lease (design.md 6). */
const STALL_SHARE = 1 / 3

/**
 * Renews the leases of one consumer's running jobs, tells which are lost, and notices when the event loop stood still
 * (its own timer came late), since then nobody renewed anything.
 */
export class LeaseKeeper<Item extends Leased> {
  readonly #clock: Clock
  readonly #consumer: Consumer
  readonly #leaseMs: number
  readonly #timed: boolean
  readonly #lost: (item: Item, known: 'renewal' | 'deadline') => void
  readonly #stalled: (stalledMs: number, items: readonly Item[]) => void
  readonly #items = new Set<Item>()
  #cancel: Cancel | null = null
  /** When the timer is due. */
  #at = 0
  #extending = 0
  #extendedAt = 0

  constructor(parts: {
    readonly clock: Clock
    readonly consumer: Consumer
    readonly leaseMs: number
    /** False where the lease lasts as long as the connection: then no local deadline ends it. */
    readonly timed: boolean
    readonly lost: (item: Item, known: 'renewal' | 'deadline') => void
    readonly stalled: (stalledMs: number, items: readonly Item[]) => void
  }) {
    this.#clock = parts.clock
    this.#consumer = parts.consumer
    this.#leaseMs = parts.leaseMs
    this.#timed = parts.timed
    this.#lost = parts.lost
    this.#stalled = parts.stalled
  }

  add(item: Item): void {
    this.#items.add(item)
    // What lay in a buffer is older than the next look expects.
    const by = item.renewedAt + this.#leaseMs / RENEWED_BY
    if (this.#cancel === null || by < this.#at) this.#schedule(by)
  }

  remove(item: Item): void {
    this.#items.delete(item)
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#items.clear()
  }

  /** The next look: in a period, when the first lease ends, or by `by`, whichever comes first. */
  #schedule(by: number): void {
    this.#cancel?.()
    const now = this.#clock.now()
    this.#at = Math.min(by, now + this.#leaseMs / LOOKS_PER_LEASE)
    if (this.#timed) for (const { renewedAt } of this.#items) this.#at = Math.min(this.#at, renewedAt + this.#leaseMs)
    const due = Math.max(now, this.#at)
    this.#cancel = this.#clock.schedule(due - now, () => {
      this.#cancel = null
      // An idle worker has no timer; the next job starts it again.
      if (this.#items.size === 0) return
      const lateMs = this.#clock.now() - due
      if (lateMs > this.#leaseMs * STALL_SHARE) this.#stalled(lateMs, [...this.#items])
      this.#look()
      this.#schedule(Number.POSITIVE_INFINITY)
    })
  }

  #look(): void {
    const now = this.#clock.now()
    const old: Item[] = []
    for (const item of this.#items) {
      const age = now - item.renewedAt
      if (this.#timed && age >= this.#leaseMs) this.#end(item, 'deadline')
      else if (age >= this.#leaseMs / LOOKS_PER_LEASE) old.push(item)
    }
    // A call that hangs must not cost all the others their leases: after a third of a lease another one goes out.
    const patient = now - this.#extendedAt < this.#leaseMs / RENEWED_BY
    if (old.length > 0 && (this.#extending === 0 || !patient)) void this.#extend(old, now)
  }

  async #extend(items: readonly Item[], at: number): Promise<void> {
    this.#extending += 1
    this.#extendedAt = at
    try {
      const results = await this.#consumer.extend(items.map((item) => item.delivery))
      for (let index = 0; index < items.length; index++) {
        const item = items[index]
        if (item === undefined || !this.#items.has(item)) continue
        if (results[index] === 'settled') item.renewedAt = Math.max(item.renewedAt, at)
        else if (results[index] === 'lost') this.#end(item, 'renewal')
      }
    } catch {
      // Unknown: the next look tries again, and the local deadline ends what stays unknown.
    } finally {
      this.#extending -= 1
    }
  }

  #end(item: Item, known: 'renewal' | 'deadline'): void {
    if (this.#items.delete(item)) this.#lost(item, known)
  }
}
