import type { DatabaseSync } from 'node:sqlite'
import type {
  AdapterHost,
  ConsumeOptions,
  Consumer,
  Delivery,
  Settlement,
  SettleResult,
} from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import type { Bells } from './bells.ts'
import { claimMessages, nextClaimAt } from './claim-messages.ts'
import type { ExclusiveLease } from './exclusive-lease.ts'
import { exclusiveHolder } from './exclusive-lease.ts'
import { HeldLeases } from './held-leases.ts'
import type { Session } from './session.ts'
import { extendLease, giveBack, leaseUnsettled, needsFull, receiptOf, settleMessage } from './settle-messages.ts'
import type { Work, Writer } from './writer.ts'

/** Pause after a fault that may pass (lock kept too long, disk full) before receive tries again, in ms. */
const FAULT_PAUSE_MS = 500

/** What a consumer is made of. */
export interface ConsumerParts {
  readonly queue: number
  readonly queueName: string
  readonly options: ConsumeOptions
  readonly exclusive: ExclusiveLease | null
  readonly writer: Writer
  readonly bells: Bells
  readonly host: AdapterHost
  /** Runs inside the user's transaction. */
  inTransaction<Result>(tx: DatabaseSync, run: (session: Session, now: number) => Result): Result
  closed(consumer: SqliteConsumer): void
}

/** Leases messages of one queue. Waiting takes nothing, so it may be cut at any time; taking is one short transaction. */
export class SqliteConsumer implements Consumer<DatabaseSync> {
  readonly #parts: ConsumerParts
  readonly #held: HeldLeases
  readonly #prefetched: Delivery[] = []
  /** Receipts settled in a user's transaction of which we do not know the end. */
  readonly #undecided = new WeakSet<object>()
  readonly #stop = new AbortController()
  readonly #mute: () => void
  #flight: Promise<void> | null = null
  #rung = true
  #wake: () => void = () => {}
  /** When a claim can bring something, as far as we know. */
  #nextAt = 0
  #closing: Promise<void> | null = null

  constructor(parts: ConsumerParts) {
    this.#parts = parts
    this.#held = new HeldLeases(parts.host.clock, (deliveries) => void this.#tellEnded(deliveries))
    const ring = () => {
      this.#rung = true
      this.#wake()
    }
    this.#mute = parts.bells.listen(parts.queue, ring)
    if (parts.exclusive !== null) parts.exclusive.onOusted = ring
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#stop.signal.aborted) throw this.#parts.writer.closedError(this.#parts.queueName)
    const either = AbortSignal.any([signal, this.#stop.signal])
    for (;;) {
      const ready = this.#handOver(max)
      if (ready.length > 0 || either.aborted) return ready
      const ousted = this.#parts.exclusive?.ousted ?? null
      if (ousted !== null) throw ousted
      try {
        if (this.#flight === null && !(await this.#mayClaim())) await this.#wait(either)
        else {
          this.#flight ??= this.#claim(max, either)
          await untilAborted(this.#flight, either)
        }
      } catch (error) {
        if (either.aborted) return this.#handOver(max)
        if (!(error instanceof BrokerError) || !error.retryable || error.code === 'conflict') throw error
        this.#parts.host.report(error)
        await this.#parts.host.clock.sleep(FAULT_PAUSE_MS, either)
      }
    }
  }

  async settle(settlements: readonly Settlement[], tx?: DatabaseSync): Promise<readonly SettleResult[]> {
    const run = (session: Session, now: number) => settlements.map((item) => settleMessage(session, item, now))
    if (settlements.length === 0) return []
    if (tx !== undefined) {
      // Their commit decides: a lease settled in a transaction stays held here until it ends or is found gone.
      const results = this.#parts.inTransaction(tx, run)
      for (const { delivery } of settlements) this.#undecided.add(receiptOf(delivery))
      return results
    }
    const results = await this.#submit('settle', needsFull(settlements), settlements.length, run)
    for (const [index, { delivery }] of settlements.entries()) {
      if (results[index] === 'settled') this.#held.drop(delivery)
      if (results[index] === 'lost') this.#tellLost([delivery])
    }
    return results
  }

  async extend(deliveries: readonly Delivery[]): Promise<readonly SettleResult[]> {
    if (deliveries.length === 0) return []
    const { leaseMs } = this.#parts.options
    const { results, until } = await this.#submit('extend', false, deliveries.length, (session, now) => ({
      until: now + leaseMs,
      results: deliveries.map((delivery) => extendLease(session, receiptOf(delivery), now + leaseMs, now)),
    }))
    for (const [index, delivery] of deliveries.entries()) {
      if (results[index] === 'lost') this.#tellLost([delivery])
      else if (this.#held.holds(delivery)) this.#held.hold(delivery, until)
    }
    return results
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#stop.abort()
    this.#mute()
    // Together, so that a lock kept by somebody else costs one deadline and not three.
    const endings = await Promise.allSettled([this.#giveAllBack(), this.#parts.exclusive?.leave()])
    this.#held.clear()
    this.#parts.closed(this)
    // Closing must end. What could not be given back lapses.
    for (const ending of endings) {
      if (ending.status === 'rejected' && ending.reason instanceof BrokerError) this.#parts.host.report(ending.reason)
    }
  }

  async #giveAllBack(): Promise<void> {
    if (this.#held.size === 0 && this.#flight === null) return
    // Read inside the transaction: a claim that was in flight runs before it and, being stopped, takes nothing, or has ended.
    let held: readonly Delivery[] | null = null
    await this.#submit('close', false, this.#held.size, (session, now) => {
      held ??= this.#held.clear()
      for (const delivery of held) giveBack(session, receiptOf(delivery), now)
    })
  }

  #handOver(max: number): Delivery[] {
    // One that lapsed while it waited here has been reported as lost and belongs to somebody else.
    return this.#prefetched.splice(0, max).filter((delivery) => this.#held.holds(delivery))
  }

  /** Looks without the write lock, so that idle consumers do not get in the way of busy ones. */
  async #mayClaim(): Promise<boolean> {
    const { writer, queue, queueName, host } = this.#parts
    if (this.#rung) {
      this.#rung = false
      this.#nextAt = await writer.read('receive', queueName, (session) => nextClaimAt(session, queue))
    }
    return this.#nextAt <= host.clock.now()
  }

  async #claim(max: number, stop: AbortSignal): Promise<void> {
    const { queue, options, exclusive } = this.#parts
    const { leaseMs, prefetch } = options
    try {
      const { claimed, now, nextAt } = await this.#submit('receive', false, max + prefetch, (session, now) => {
        // Nobody waits for it any more: take nothing.
        if (stop.aborted) return { claimed: [], now, nextAt: 0 }
        const holder = exclusiveHolder(session, queue, now)
        if (exclusive !== null && holder?.token !== exclusive.token) exclusive.renew(session, now)
        if (exclusive === null && holder !== null) return { claimed: [], now, nextAt: holder.until }
        const claimed = claimMessages(session, queue, max + prefetch, now, leaseMs)
        return { claimed, now, nextAt: claimed.length === max + prefetch ? 0 : nextClaimAt(session, queue) }
      })
      this.#nextAt = nextAt
      for (const { seq, lease, orderKey, id, body, note, lapses } of claimed) {
        const receipt = { seq, lease, queue, orderKey }
        const delivery: Delivery = { message: { id, body }, note, lapses, leasedAt: now, receipt }
        this.#held.hold(delivery, now + leaseMs)
        this.#prefetched.push(delivery)
      }
    } catch (error) {
      this.#nextAt = 0
      throw error
    } finally {
      this.#flight = null
    }
  }

  /** Until the bell, the next due time, or abort. */
  #wait(signal: AbortSignal): Promise<void> {
    if (this.#rung || signal.aborted) return Promise.resolve()
    const { clock } = this.#parts.host
    return new Promise((resolve) => {
      const cancel = Number.isFinite(this.#nextAt)
        ? clock.schedule(Math.max(0, this.#nextAt - clock.now()), () => done())
        : () => {}
      const done = () => {
        cancel()
        signal.removeEventListener('abort', done)
        this.#wake = () => {}
        resolve()
      }
      this.#wake = done
      signal.addEventListener('abort', done, { once: true })
    })
  }

  /** Leases that ran out by the clock; one that was settled in a transaction of the user's which has committed is not lost. */
  async #tellEnded(deliveries: readonly Delivery[]): Promise<void> {
    const undecided = deliveries.filter((delivery) => this.#undecided.has(receiptOf(delivery)))
    const lost = deliveries.filter((delivery) => !undecided.includes(delivery))
    if (lost.length > 0) this.#parts.options.lost(lost)
    if (undecided.length === 0) return
    const { writer, queueName } = this.#parts
    const still = await writer
      .read('receive', queueName, (session) =>
        undecided.filter((delivery) => leaseUnsettled(session, receiptOf(delivery), delivery.lapses ?? 0)),
      )
      .catch(() => undecided)
    if (still.length > 0) this.#parts.options.lost(still)
  }

  #tellLost(deliveries: readonly Delivery[]): void {
    const unknown = deliveries.filter((delivery) => this.#held.drop(delivery))
    if (unknown.length > 0) this.#parts.options.lost(unknown)
  }

  #submit<Result>(doing: string, full: boolean, weight: number, run: Work<Result>['run']): Promise<Result> {
    return this.#parts.writer.submit({ doing, queue: this.#parts.queueName, full, weight, run })
  }
}

/** Resolves with `work` or at abort; the work goes on, and its failure then belongs to whoever looks next. */
function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => resolve()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
