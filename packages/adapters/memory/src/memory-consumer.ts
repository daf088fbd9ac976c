import type {
  BrokerError,
  Clock,
  ConsumeOptions,
  Consumer,
  Delivery,
  Settlement,
  SettleResult,
} from '@switchyard/core/adapter'
import { Lease, LeaseList } from './lease.ts'
import type { MemoryBroker } from './memory-broker.ts'
import type { Holder, MemoryQueue } from './memory-queue.ts'
import { due } from './memory-queue.ts'
import { refusal } from './refuse.ts'
import type { Rules } from './rules.ts'
import { Settler } from './settler.ts'

interface Waiter {
  readonly max: number
  resolve(deliveries: readonly Delivery[]): void
  reject(error: BrokerError): void
  stopListening(): void
}

/** What a consumer is made of. */
export interface ConsumerParts {
  readonly broker: MemoryBroker
  readonly queue: MemoryQueue
  readonly rules: Rules
  readonly options: ConsumeOptions
  /** The host's clock; the queue has the broker's. */
  readonly clock: Clock
  closed(consumer: MemoryConsumer): void
}

/** Leases of one queue. Every step is synchronous, except the composed settlements that the manifest asks for. */
export class MemoryConsumer implements Consumer, Holder {
  readonly leases: LeaseList = new LeaseList()
  readonly exclusive: boolean
  readonly #queue: MemoryQueue
  readonly #rules: Rules
  readonly #options: ConsumeOptions
  readonly #clock: Clock
  readonly #onClosed: (consumer: MemoryConsumer) => void
  readonly #settler: Settler
  #waiter: Waiter | null = null
  #closed = false

  constructor({ broker, queue, rules, options, clock, closed }: ConsumerParts) {
    this.exclusive = options.exclusive === true
    this.#settler = new Settler({ broker, queue, rules, clock })
    this.#queue = queue
    this.#rules = rules
    this.#options = options
    this.#clock = clock
    this.#onClosed = closed
    queue.holders.add(this)
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const queue = this.#queue
    if (this.#closed) throw refusal(queue.spec.name, 'closed', 'this consumer is closed; open another with consume')
    if (!(max >= 1)) throw refusal(queue.spec.name, 'invalid', `receive takes 1 or more, not ${max}`)
    if (this.#waiter !== null) throw refusal(queue.spec.name, 'invalid', 'a receive is waiting already; await it first')
    if (signal.aborted) return []
    const now = this.#tick()
    const batch = this.#take(max, now)
    if (batch.length > 0) return batch
    return this.#wait(max, signal)
  }

  async settle(settlements: readonly Settlement[], tx?: never): Promise<readonly SettleResult[]> {
    if (tx !== undefined)
      throw refusal(this.#queue.spec.name, 'unsupported', 'memory has no transactions; settle without tx')
    const now = this.#tick()
    const results: SettleResult[] = []
    for (const settlement of settlements) {
      const { receipt } = settlement.delivery
      if (!this.#issued(receipt)) results.push(this.#foreign())
      else
        results.push(
          this.#settler.atomic(settlement, receipt, now) ?? (await this.#settler.composed(settlement, receipt)),
        )
    }
    this.#queue.wake(this.#queue.clock.now())
    return results
  }

  async extend(deliveries: readonly Delivery[]): Promise<readonly SettleResult[]> {
    const now = this.#tick()
    return deliveries.map(({ receipt }): SettleResult => {
      if (!this.#issued(receipt)) return this.#foreign()
      if (!this.#settler.holds(receipt)) return 'lost'
      this.leases.remove(receipt)
      receipt.endsAt = this.#endsAt(now)
      receipt.localEndsAt = this.#localEndsAt(this.#clock.now())
      this.leases.push(receipt)
      return 'settled'
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const queue = this.#queue
    const now = queue.clock.now()
    queue.holders.delete(this)
    queue.waiting.delete(this)
    const waiter = this.#waiter
    this.#waiter = null
    // Latest first to the front, so that what is handed back stands where it stood.
    for (const lease of this.leases.all().reverse()) {
      const entry = queue.unlease(lease)
      if (this.#rules.lapses === 'over') entry.lapses += 1
      queue.schedule(entry, now, { front: true })
    }
    waiter?.stopListening()
    waiter?.reject(refusal(queue.spec.name, 'closed', 'the consumer was closed while receive waited; abort it first'))
    this.#onClosed(this)
    queue.wake(now)
  }

  serve(now: number): void {
    const waiter = this.#waiter
    if (waiter === null) return
    const batch = this.#take(waiter.max, now)
    if (batch.length === 0) {
      this.#queue.waiting.add(this)
      return
    }
    this.#waiter = null
    waiter.stopListening()
    waiter.resolve(batch)
  }

  expire(now: number): number {
    const over: Lease[] = []
    for (let lease = this.leases.head; lease !== null && lease.endsAt <= now; lease = this.leases.head) {
      this.#lapse(lease, now)
      over.push(lease)
    }
    if (over.length > 0) this.lost(over)
    return this.leases.head?.endsAt ?? Infinity
  }

  severed(now: number): void {
    if (this.#rules.lease !== 'connection') return
    const over = this.leases.all()
    for (const lease of over) this.#lapse(lease, now)
    if (over.length > 0) this.lost(over)
  }

  lost(leases: readonly Lease[]): void {
    this.#options.lost(leases.map(({ delivery }) => delivery))
  }

  #wait(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiter = null
        this.#queue.waiting.delete(this)
        resolve([])
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiter = { max, resolve, reject, stopListening: () => signal.removeEventListener('abort', onAbort) }
      this.#queue.waiting.add(this)
    })
  }

  #take(max: number, now: number): Delivery[] {
    const batch: Delivery[] = []
    const queue = this.#queue
    if (queue.ready.length === 0) return batch
    const leasedAt = this.#clock.now()
    const times = { leasedAt, endsAt: this.#endsAt(now), localEndsAt: this.#localEndsAt(leasedAt) }
    while (batch.length < max) {
      const entry = queue.next(this.#rules, now)
      if (entry === undefined) break
      const lease = new Lease(entry, this.leases, times, this.#rules.lapses === 'none' ? null : entry.lapses)
      entry.lease = lease
      this.leases.push(lease)
      batch.push(lease.delivery)
    }
    queue.arm(times.endsAt)
    return batch
  }

  #lapse(lease: Lease, now: number): void {
    const entry = this.#queue.unlease(lease)
    entry.lapses += 1
    entry.dueAt = now
    this.#queue.schedule(entry, now)
  }

  #tick(): number {
    const queue = this.#queue
    const now = queue.clock.now()
    if (queue.wakeAt <= now) queue.tick(now)
    return now
  }

  /** A broker that looks rarely notices late: on the declared grid, never early. */
  #endsAt(now: number): number {
    const { lease, maxLapseLateMs } = this.#rules
    return lease === 'connection' ? Infinity : due(now, this.#options.leaseMs, maxLapseLateMs)
  }

  #localEndsAt(leasedAt: number): number {
    return this.#rules.lease === 'connection' ? Infinity : leasedAt + this.#options.leaseMs
  }

  #issued(receipt: unknown): receipt is Lease {
    return receipt instanceof Lease && receipt.holder === this.leases
  }

  #foreign(): BrokerError {
    return refusal(
      this.#queue.spec.name,
      'invalid',
      'this consumer did not issue the delivery; settle it where it was received',
    )
  }
}
