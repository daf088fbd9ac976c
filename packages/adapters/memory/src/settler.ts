import type { Clock, Settlement, SettleResult } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import type { Entry } from './entry.ts'
import type { Lease } from './lease.ts'
import type { MemoryBroker } from './memory-broker.ts'
import type { MemoryQueue } from './memory-queue.ts'
import { due } from './memory-queue.ts'
import { refuseMessage, refuseSettlement } from './refuse.ts'
import type { Rules } from './rules.ts'

/** Ends leases as the manifest says: in one step, or composed of a copy and a completion with a gap between. */
export class Settler {
  readonly #broker: MemoryBroker
  readonly #queue: MemoryQueue
  readonly #rules: Rules
  readonly #clock: Clock

  constructor(parts: { broker: MemoryBroker; queue: MemoryQueue; rules: Rules; clock: Clock }) {
    this.#broker = parts.broker
    this.#queue = parts.queue
    this.#rules = parts.rules
    this.#clock = parts.clock
  }

  /** Whether a settlement through this receipt would still be accepted. */
  holds(lease: Lease): boolean {
    if (this.#rules.fenced) return lease.live
    // Not fenced: the broker takes any receipt of a message that exists; the adapter's own deadline is all there is.
    return !lease.spent && lease.localEndsAt > this.#clock.now() && !lease.entry.gone
  }

  /** The answer, or null when the manifest composes this settlement. */
  atomic(settlement: Settlement, lease: Lease, now: number): SettleResult | null {
    if (settlement.kind === 'complete') {
      if (!this.holds(lease)) return 'lost'
      this.#finish(lease, now)
      return 'settled'
    }
    const refused = this.#refuse(settlement)
    if (refused !== null) return refused
    if (!this.holds(lease)) return 'lost'
    if (this.#isComposed(settlement)) return null
    if (settlement.kind === 'move') {
      this.#admitMoved(settlement, now)
      this.#finish(lease, now)
      return 'settled'
    }
    const entry = this.#release(lease)
    if (entry === null) return 'settled'
    if (settlement.note !== undefined) entry.note = settlement.note
    if (settlement.kind === 'release' && this.#rules.lapses === 'over') entry.lapses += 1
    entry.dueAt = this.#dueAt(settlement.delayMs, now)
    this.#queue.schedule(entry, now)
    return 'settled'
  }

  /** Copy confirmed, then original completed. Between the two the world goes on: the lease may end there, and then both remain. */
  async composed(settlement: Settlement, lease: Lease): Promise<SettleResult> {
    const now = this.#queue.clock.now()
    if (settlement.kind === 'move') this.#admitMoved(settlement, now)
    else if (settlement.kind !== 'complete')
      this.#queue.copy(lease.entry, settlement.note ?? lease.entry.note, this.#dueAt(settlement.delayMs, now), now)
    await Promise.resolve()
    if (!this.holds(lease)) return 'lost'
    this.#finish(lease, this.#queue.clock.now())
    return 'settled'
  }

  #isComposed(settlement: Settlement): boolean {
    if (settlement.kind === 'complete') return false
    const changed = settlement.kind !== 'move' && settlement.note !== undefined
    return this.#rules[settlement.kind] === 'composed' || (changed && this.#rules.note === 'composed')
  }

  #refuse(settlement: Exclude<Settlement, { kind: 'complete' }>): SettleResult | null {
    if (settlement.kind === 'move') {
      const target = this.#broker.find(settlement.to)
      if (target instanceof BrokerError) return target
      return refuseMessage(settlement.to, settlement.message, this.#rules)
    }
    return refuseSettlement(this.#queue, settlement, this.#rules)
  }

  #admitMoved(settlement: Extract<Settlement, { kind: 'move' }>, now: number): void {
    const target = this.#broker.queue(settlement.to)
    target.admit(settlement.message, this.#rules, now, { dueFrom: this.#dueFrom(now), moved: true })
    target.wake(now)
  }

  #finish(lease: Lease, now: number): void {
    const { entry } = lease
    if (this.#release(lease) === null) this.#queue.ghosts += 1
    this.#queue.remove(entry, now)
  }

  /** Ends the lease that stands on the message, ours or (not fenced) somebody else's; null when it waits unleased. */
  #release(lease: Lease): Entry | null {
    lease.spent = true
    const standing = lease.live ? lease : lease.entry.lease
    return standing === null ? null : this.#queue.unlease(standing)
  }

  #dueAt(delayMs: number, now: number): number {
    return delayMs > 0 ? due(this.#dueFrom(now), delayMs, this.#rules.delayGrainMs) : now
  }

  #dueFrom(now: number): number {
    return this.#rules.dueClock === 'client' ? this.#clock.now() : now
  }
}
