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
  #extending = false

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
    if (this.#cancel === null) this.#schedule()
  }

  remove(item: Item): void {
    this.#items.delete(item)
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#items.clear()
  }

  #schedule(): void {
    const periodMs = this.#leaseMs / LOOKS_PER_LEASE
    const due = this.#clock.now() + periodMs
    this.#cancel = this.#clock.schedule(periodMs, () => {
      this.#cancel = null
      // An idle worker has no timer; the next job starts it again.
      if (this.#items.size === 0) return
      const lateMs = this.#clock.now() - due
      if (lateMs > this.#leaseMs * STALL_SHARE) this.#stalled(lateMs, [...this.#items])
      this.#look()
      this.#schedule()
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
    if (old.length > 0 && !this.#extending) void this.#extend(old, now)
  }

  async #extend(items: readonly Item[], at: number): Promise<void> {
    this.#extending = true
    try {
      const results = await this.#consumer.extend(items.map((item) => item.delivery))
      for (let index = 0; index < items.length; index++) {
        const item = items[index]
        if (item === undefined || !this.#items.has(item)) continue
        if (results[index] === 'settled') item.renewedAt = at
        else if (results[index] === 'lost') this.#end(item, 'renewal')
      }
    } catch {
      // Unknown: the next look tries again, and the local deadline ends what stays unknown.
    } finally {
      this.#extending = false
    }
  }

  #end(item: Item, known: 'renewal' | 'deadline'): void {
    if (this.#items.delete(item)) this.#lost(item, known)
  }
}
