import {
  type AdapterHost,
  BrokerError,
  type Cancel,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type Settlement,
  type SettleResult,
  withDeadline,
} from '@switchyard/core/adapter'
import { ADAPTER, closedError, lateError, toBrokerError } from './errors.ts'
import { type Lease, LeaseChannel } from './lease-channel.ts'
import type { Link } from './link.ts'
import type { Publisher } from './publisher.ts'
import { settleBatch } from './settle.ts'
import { toCopy } from './wire.ts'

/** Credit that nobody asks for is taken back after this. */
const LINGER_MS = 50
/** Hand-backs count as deliveries; from this many on a message goes back as a copy, so that they alone never look like a crash loop. */
const COUNTED_HAND_BACKS = 2
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 2_000

/** What a consumer needs. */
export interface ConsumerParts {
  readonly host: AdapterHost
  readonly link: Link
  readonly publisher: Publisher
  readonly queue: string
  readonly native: (queue: string) => string
  readonly options: ConsumeOptions
  /** Told once, when the consumer has closed. */
  closed(consumer: RabbitmqConsumer): void
}

interface Pending {
  readonly max: number
  resolve(deliveries: readonly Delivery[]): void
  reject(error: unknown): void
}

/**
 * Demand on a broker that pushes. AMQP fixes a subscription's window when it is made, and an acknowledgement opens it again, so:
 * - `receive` with no credit left subscribes for exactly `max` (and `prefetch`) more. While the same slots are asked for again and again, which
 *   is what a worker does, the windows add up to its slots and nothing is ever subscribed again.
 * - Credit that outlives the demand (a worker that stopped asking, an aborted receive) is taken back after `LINGER_MS`, and what came in the meantime is
 *   put back. Within these 50 ms something may be leased that nobody asks for; the alternative, to unsubscribe before each settlement, costs three
 *   round trips and two Raft entries per job.
 * - `receive` never hands over more than `max`; abort leaves everything as it is and resolves at once.
 */
export class RabbitmqConsumer implements Consumer {
  readonly #parts: ConsumerParts
  readonly #queue: string
  readonly #stop = new AbortController()
  #channel: LeaseChannel | null = null
  #buffer: Lease[] = []
  #pending: Pending | null = null
  #pump: Promise<void> | null = null
  #settling = new Set<Promise<unknown>>()
  #cancelLinger: Cancel = () => {}
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
      if (options.exclusive === true && others > 0) throw this.#conflict(`it has ${others} consumers already`)
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
    if (this.#pending !== null) return Promise.reject(new TypeError('receive is already waiting: one call at a time'))
    this.#cancelLinger()
    return new Promise((resolve, reject) => {
      const end = () => {
        signal.removeEventListener('abort', onAbort)
        this.#pending = null
        this.#linger()
      }
      const onAbort = () => this.#pending?.resolve(this.#take(max))
      this.#pending = {
        max,
        resolve(deliveries) {
          end()
          resolve(deliveries)
        },
        reject(error) {
          end()
          reject(error)
        },
      }
      if (this.#buffer.length > 0 || signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      this.#wake()
    })
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const { host, queue, publisher, native } = this.#parts
    const parts = {
      queue,
      publisher,
      native,
      find: (receipt: unknown) => this.#find(receipt),
      stepMs: host.callDeadlineMs / 3,
    }
    const work = settleBatch(settlements, parts)
    this.#settling.add(work)
    try {
      return await work
    } finally {
      this.#settling.delete(work)
      if (this.#pending === null) this.#linger()
    }
  }

  async extend(deliveries: readonly Delivery[]): Promise<readonly SettleResult[]> {
    const { host, queue } = this.#parts
    const channel = this.#channel
    let failure: unknown
    if (channel !== null && deliveries.some(({ receipt }) => this.#find(receipt) !== null))
      await channel.barrier(host.callDeadlineMs / 3).catch((error: unknown) => {
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
    this.#cancelLinger()
    this.#stop.abort()
    this.#pending?.resolve([])
    this.#cancelLinger()
    await this.#pump
    await Promise.allSettled([...this.#settling])
    const channel = this.#channel
    if (channel?.alive) {
      try {
        const late = () => lateError(5_000, { doing: 'close the consumer' })
        await withDeadline(this.#parts.host.clock, 5_000, this.#handBack(channel, channel.leases.slice()), late)
        if (this.#parts.options.exclusive === true) await channel.unlock(this.#lock)
        await channel.close()
      } catch (error) {
        // The server gives everything back by itself when it notices that the channel is gone.
        this.#parts.host.report(toBrokerError(error, { queue: this.#parts.queue, doing: 'close the consumer' }))
      }
    }
    this.#buffer = []
    this.#parts.closed(this)
  }

  #find(receipt: unknown): Lease | null {
    const channel = this.#channel
    if (channel === null || typeof receipt !== 'object' || receipt === null) return null
    const lease = receipt as Lease
    return channel.holds(lease) ? lease : null
  }

  #take(max: number): readonly Delivery[] {
    return this.#buffer.splice(0, max).map(({ delivery }) => delivery)
  }

  #wake(): void {
    if (this.#closing !== null) return
    this.#pump ??= this.#run().finally(() => {
      this.#pump = null
    })
  }

  /** Sees to it that a waiting receive has credit on a living channel; waits for the server where it must. */
  async #run(): Promise<void> {
    const { host, queue, options } = this.#parts
    let waitMs = FIRST_WAIT_MS
    while (this.#pending !== null && this.#buffer.length === 0 && !this.#stop.signal.aborted) {
      try {
        const channel = this.#channel?.alive ? this.#channel : await this.#openChannel()
        const { max } = this.#pending ?? {}
        if (max === undefined || channel.credit > 0) break
        // One subscription keeps the order; several may swap neighbours, so that a quiet moment makes them one again.
        if (channel.leases.length === 0) await channel.unsubscribe()
        if (options.exclusive !== true) await this.#yieldToExclusive()
        await channel.subscribe(this.#queue, max + options.prefetch)
        // Again, for a lock taken in between: whoever takes it counts the consumers afterwards, so that one of the two notices.
        if (options.exclusive !== true) await this.#yieldToExclusive()
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
        waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
      }
    }
    if (this.#pending === null) this.#linger()
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
    if (this.#parts.options.exclusive === true) await opened.lock(this.#lock)
    this.#channel = opened
    return opened
  }

  get #lock(): string {
    return `${this.#queue}.switchyard-exclusive`
  }

  /** Quorum queues ignore the exclusive flag of a consumer (3.10.8: two got in), so that our consumers ask for our lock. */
  async #yieldToExclusive(): Promise<void> {
    if (await this.#parts.publisher.exists(this.#lock)) throw this.#conflict('another consumer uses it exclusively')
  }

  #conflict(message: string): BrokerError {
    return new BrokerError({ adapter: ADAPTER, code: 'conflict', queue: this.#parts.queue, message })
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

  /** Takes back credit and leases that nobody asked for within the linger. */
  #linger(): void {
    this.#cancelLinger()
    const { host } = this.#parts
    if (this.#closing !== null || this.#surplus === 0) return
    this.#cancelLinger = host.clock.schedule(LINGER_MS, () => {
      const channel = this.#channel
      if (this.#pending !== null || this.#pump !== null || this.#surplus === 0 || !channel?.alive) return
      this.#pump = this.#retreat(channel).finally(() => {
        this.#pump = null
        if (this.#pending !== null) this.#wake()
      })
    })
  }

  get #surplus(): number {
    if (!this.#channel?.alive) return 0
    return Math.max(0, this.#channel.credit + this.#buffer.length - this.#parts.options.prefetch)
  }

  async #retreat(channel: LeaseChannel): Promise<void> {
    try {
      await channel.unsubscribe()
      if (this.#pending !== null) return this.#flush()
      await this.#handBack(channel, this.#buffer.splice(this.#parts.options.prefetch))
    } catch (error) {
      if (channel.alive) this.#parts.host.report(toBrokerError(error, { queue: this.#parts.queue, doing: 'give back' }))
    }
  }

  /** In order, at their place; those handed back often already, as copies at the end. */
  async #handBack(channel: LeaseChannel, leases: readonly Lease[]): Promise<void> {
    await channel.unsubscribe()
    const { publisher, queue, host } = this.#parts
    const often = leases.filter(
      ({ delivery, state }) => state === 'open' && (delivery.lapses ?? 0) >= COUNTED_HAND_BACKS,
    )
    const copies = often.map(({ native }) => ({ queue, ...toCopy(this.#queue, native, { delayMs: 0 }) }))
    const answers = await publisher.publish(copies, host.callDeadlineMs / 3)
    for (const [at, lease] of often.entries())
      if (!(answers[at] instanceof BrokerError) && channel.acknowledge(lease)) channel.forget(lease)
    for (const lease of leases) if (lease.state === 'open') channel.putBack(lease)
    await channel.barrier(host.callDeadlineMs / 3)
  }
}
