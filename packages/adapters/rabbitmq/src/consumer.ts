import {
  type Cancel,
  type Consumer,
  type Delivery,
  type Settlement,
  type SettleResult,
  withDeadline,
} from '@switchyard/core/adapter'
import type { ConsumerParts } from './consumer-parts.ts'
import { closedError, lateError, refuseTx, toBrokerError } from './errors.ts'
import { inUse, lockName, yieldToExclusive } from './exclusive-use.ts'
import { type HandBackParts, handBack } from './hand-back.ts'
import { Lease } from './lease.ts'
import { LeaseChannel } from './lease-channel.ts'
import { type PendingReceive, pendingReceive } from './pending-receive.ts'
import { settleBatch } from './settle.ts'

/**
 * How often credit and buffer are held against what was asked for in the meantime. Longer than core's worker needs to come back to a lane
 * that it found empty (100 ms): a shorter one would hand back what that lane is about to be asked for.
 */
const LINGER_MS = 250
/** Between two attempts to consume after a failure, doubling. */
const WAIT_MS = { first: 100, longest: 2_000 }

/**
 * Demand on a broker that pushes. AMQP fixes a subscription's window when it is made, and an acknowledgement opens it again, so:
 * - `receive` with no credit left subscribes for exactly `max` (and `prefetch`) more. While the same slots are asked for again and again, which
 *   is what a worker does, the windows add up to its slots and nothing is ever subscribed again. Two subscriptions that have credit at the same time
 *   may swap neighbours; that ends with the first quiet moment.
 * - Credit and leases beyond what was asked for within one or two `LINGER_MS` (a worker that stopped, an aborted receive, a lane that gets fewer slots) are taken back.
 *   Until then something may be leased that nobody asks for; the alternative, to unsubscribe before each settlement, costs three round
 *   trips and two Raft entries per job.
 * - `receive` never hands over more than `max`; abort leaves everything as it is and resolves at once.
 */
export class RabbitmqConsumer implements Consumer {
  readonly #parts: ConsumerParts
  readonly #queue: string
  readonly #stop = new AbortController()
  #channel: LeaseChannel | null = null
  #buffer: Lease[] = []
  #pending: PendingReceive | null = null
  #pump: Promise<void> | null = null
  #settling = new Set<Promise<unknown>>()
  #cancelLinger: Cancel | null = null
  /** The most that a receive asked for since the linger began. */
  #asked = 0
  #closing: Promise<void> | null = null

  constructor(parts: ConsumerParts) {
    this.#parts = parts
    this.#queue = parts.native(parts.queue)
  }

  /** Checks the queue and, for exclusive use, takes it. @throws BrokerError not-found, conflict, unavailable, … */
  async open(): Promise<void> {
    const { host, options, queue } = this.#parts
    const doing = options.exclusive === true ? 'consume the queue exclusively' : 'consume the queue'
    const work = async () => {
      const channel = await this.#openChannel()
      const others = await channel.consumers(this.#queue)
      if (options.exclusive === true && others > 0) throw inUse(queue, `it has ${others} consumers already`)
      await this.#yield()
    }
    try {
      const late = () => lateError(host.callDeadlineMs, { queue, doing, maybeApplied: false })
      await withDeadline(host.clock, host.callDeadlineMs, work(), late)
    } catch (error) {
      this.#stop.abort()
      throw toBrokerError(error, { queue, doing })
    }
  }

  holdsExclusively(queue: string): boolean {
    return this.#parts.options.exclusive === true && this.#parts.queue === queue
  }

  receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const { queue } = this.#parts
    if (this.#closing !== null) return Promise.reject(closedError('the consumer', queue))
    // Zero would mean "no limit" to AMQP.
    if (!(max >= 1)) return Promise.reject(new RangeError(`receive takes at least 1, not ${max}`))
    if (this.#pending !== null) return Promise.reject(new TypeError('receive is already waiting: one call at a time'))
    this.#asked = Math.max(this.#asked, max)
    const answer = () => this.#pending?.resolve(this.#take(max))
    const pending = pendingReceive(max, {
      signal,
      aborted: answer,
      ended: () => {
        this.#pending = null
        this.#linger()
      },
    })
    this.#pending = pending
    if (this.#buffer.length > 0 || signal.aborted) answer()
    else this.#wake()
    return pending.result
  }

  async settle(settlements: readonly Settlement[], tx?: never): Promise<readonly SettleResult[]> {
    refuseTx(this.#parts.queue, tx)
    const find = (receipt: unknown) => this.#find(receipt)
    const work = settleBatch(settlements, { ...this.#parts, find, stepMs: this.#stepMs })
    this.#settling.add(work)
    try {
      return await work
    } finally {
      this.#settling.delete(work)
      if (this.#pending === null) this.#linger()
    }
  }

  async extend(deliveries: readonly Delivery[]): Promise<readonly SettleResult[]> {
    const { queue } = this.#parts
    const channel = this.#channel
    let failure: unknown
    if (channel !== null && deliveries.some(({ receipt }) => this.#find(receipt) !== null))
      await channel.barrier(this.#stepMs).catch((error: unknown) => {
        failure = error
      })
    return deliveries.map(({ receipt }) => {
      if (this.#find(receipt) === null) return 'lost'
      return failure === undefined ? 'settled' : toBrokerError(failure, { queue, doing: 'ask for the lease' })
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#stop.abort()
    this.#pending?.resolve([])
    this.#cancelLinger?.()
    await this.#pump
    await Promise.allSettled([...this.#settling])
    const channel = this.#channel
    if (channel?.alive) {
      try {
        const late = () => lateError(5_000, { doing: 'close the consumer' })
        await withDeadline(this.#parts.host.clock, 5_000, handBack(channel, channel.leases, this.#handBackParts), late)
        if (this.#parts.options.exclusive === true) await channel.unlock(lockName(this.#queue))
        await channel.close()
      } catch (error) {
        // The server gives everything back by itself when it notices that the channel is gone.
        this.#parts.host.report(toBrokerError(error, { queue: this.#parts.queue, doing: 'close the consumer' }))
      }
    }
    this.#buffer = []
    this.#parts.closed()
  }

  #find(receipt: unknown): Lease | null {
    return receipt instanceof Lease && this.#channel?.holds(receipt) ? receipt : null
  }

  #take(max: number): readonly Delivery[] {
    return this.#buffer.splice(0, max).map(({ delivery }) => delivery)
  }

  #wake(): void {
    if (this.#closing !== null) return
    this.#pump ??= this.#run().finally(() => this.#pumped())
  }

  /** A receive may have come while the pump was on its way out. */
  #pumped(): void {
    this.#pump = null
    if (this.#pending === null) this.#linger()
    else if (!(this.#channel?.alive && this.#channel.credit > 0)) this.#wake()
  }

  /** Sees to it that a waiting receive has credit on a living channel; waits for the server where it must. */
  async #run(): Promise<void> {
    const { host, queue, options } = this.#parts
    let waitMs = WAIT_MS.first
    while (this.#pending !== null && this.#buffer.length === 0 && !this.#stop.signal.aborted) {
      try {
        const channel = this.#channel?.alive ? this.#channel : await this.#openChannel()
        const { max } = this.#pending ?? {}
        if (max === undefined || channel.credit > 0) break
        // Whoever wants the queue exclusively counts subscriptions: with one we need not look for the lock.
        const first = !channel.subscribed
        if (first) await this.#yield()
        await channel.subscribe(this.#queue, max + options.prefetch)
        if (first) await this.#yield()
      } catch (error) {
        if (this.#stop.signal.aborted) break
        const known = toBrokerError(error, { queue, doing: 'consume the queue' })
        if (known.code === 'not-found' || known.code === 'forbidden') {
          this.#pending?.reject(known)
          break
        }
        if (known.code === 'conflict') await this.#channel?.unsubscribe().catch(() => {})
        else host.report(known)
        await host.clock.sleep(waitMs, this.#stop.signal)
        waitMs = Math.min(waitMs * 2, WAIT_MS.longest)
      }
    }
  }

  async #yield(): Promise<void> {
    const { publisher, queue, options } = this.#parts
    if (options.exclusive !== true) await yieldToExclusive(publisher, { queue, native: this.#queue })
  }

  async #openChannel(): Promise<LeaseChannel> {
    const { host, link } = this.#parts
    const session = await link.acquire('consume', this.#stop.signal)
    let channel: LeaseChannel | null = null
    const opened = await LeaseChannel.open({
      session,
      clock: host.clock,
      events: {
        leased: (lease) => this.#leased(lease),
        cancelled: () => this.#wakeLater(),
        ended: (leases, reason) => {
          if (channel === null || channel === this.#channel) this.#ended(leases, reason)
        },
      },
    })
    channel = opened
    if (this.#parts.options.exclusive === true) await opened.lock(lockName(this.#queue))
    this.#channel = opened
    return opened
  }

  #leased(lease: Lease): void {
    this.#buffer.push(lease)
    // After the frames that arrived together have been read, so that they are handed over together.
    if (this.#buffer.length === 1) queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const pending = this.#pending
    if (pending !== null && this.#buffer.length > 0) pending.resolve(this.#take(pending.max))
    else this.#linger()
  }

  #ended(leases: readonly Lease[], reason: Error | null): void {
    const { host, queue, options } = this.#parts
    const waiting = new Set(this.#buffer)
    this.#buffer = []
    const lost = leases.filter((lease) => !waiting.has(lease)).map(({ delivery }) => delivery)
    if (reason !== null) host.report(toBrokerError(reason, { queue, doing: 'keep consuming the queue' }))
    if (this.#closing === null && lost.length > 0) options.lost(lost)
    this.#wakeLater()
  }

  #wakeLater(): void {
    queueMicrotask(() => {
      if (this.#pending !== null) this.#wake()
    })
  }

  /** Sees to it that what nobody asks for is noticed. While a receive waits, free credit is its own. */
  #linger(): void {
    if (this.#cancelLinger !== null || this.#closing !== null || this.#pending !== null || this.#reach === 0) return
    this.#cancelLinger = this.#parts.host.clock.schedule(LINGER_MS, () => {
      this.#cancelLinger = null
      const allowed = this.#asked + this.#parts.options.prefetch
      this.#asked = this.#pending?.max ?? 0
      const channel = this.#channel
      // Both end with another linger.
      if (this.#pending !== null || this.#pump !== null || !channel?.alive) return
      if (this.#reach <= allowed) return this.#linger()
      this.#pump = this.#retreat(channel, allowed).finally(() => this.#pumped())
    })
  }

  get #handBackParts(): HandBackParts {
    return { ...this.#parts, native: this.#queue, stepMs: this.#stepMs }
  }

  /** A settlement has at most three steps within one call. */
  get #stepMs(): number {
    return this.#parts.host.callDeadlineMs / 3
  }

  /** Leased and not handed over, now or as soon as messages come; what prefetch allows does not count. */
  get #reach(): number {
    if (!this.#channel?.alive) return 0
    const reach = this.#channel.credit + this.#buffer.length
    return reach > this.#parts.options.prefetch ? reach : 0
  }

  async #retreat(channel: LeaseChannel, allowed: number): Promise<void> {
    try {
      await channel.unsubscribe()
      if (this.#pending !== null) return this.#flush()
      await handBack(channel, this.#buffer.splice(allowed), this.#handBackParts)
    } catch (error) {
      if (channel.alive) this.#parts.host.report(toBrokerError(error, { queue: this.#parts.queue, doing: 'give back' }))
    }
  }
}
