import { BrokerError, type Clock, withDeadline } from '@switchyard/core/adapter'
import type { Channel } from 'amqplib'
import { lateError } from './errors.ts'
import { Lease, type Subscription } from './lease.ts'
import { openChannel, type Session } from './link.ts'

/** Subscribing is a Raft entry on the server: slow when the disk is, but not this slow. */
const ANSWER_MS = 10_000

/** What a lease channel tells its owner. */
export interface LeaseEvents {
  /** A message was leased to us. */
  leased(lease: Lease): void
  /** The server ended a subscription (queue deleted). */
  cancelled(): void
  /** The channel ended with these leases unsettled; `reason` is null when it was closed by us or with its connection. */
  ended(leases: readonly Lease[], reason: Error | null): void
}

/** One consuming channel and its leases. Made for one session, never reused: delivery tags mean nothing on another channel. */
export class LeaseChannel {
  readonly session: Session
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #events: LeaseEvents
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #leases = new Set<Lease>()
  #alive = true
  #prefetch = 1
  #running: Promise<void> | null = null
  #queued: Promise<void> | null = null

  private constructor(parts: { session: Session; channel: Channel; clock: Clock; events: LeaseEvents }) {
    this.session = parts.session
    this.#channel = parts.channel
    this.#clock = parts.clock
    this.#events = parts.events
  }

  static async open(parts: { session: Session; clock: Clock; events: LeaseEvents }): Promise<LeaseChannel> {
    const channel = await openChannel(parts.session.model)
    const self = new LeaseChannel({ ...parts, channel })
    let reason: Error | null = null
    channel.on('error', (error: Error) => {
      reason = error
    })
    channel.on('close', () => self.#end(reason))
    return self
  }

  get alive(): boolean {
    return this.#alive
  }

  /** How many more messages the server may send us before we settle anything. */
  get credit(): number {
    let credit = 0
    for (const { active, window, held } of this.#subscriptions.values())
      if (active) credit += Math.max(0, window - held)
    return credit
  }

  get subscribed(): boolean {
    return this.#subscriptions.size > 0
  }

  get leases(): readonly Lease[] {
    return [...this.#leases]
  }

  /** Leases `count` messages at most, beyond what older subscriptions may. A queue without a leader never answers: then the channel is given up. */
  async subscribe(queue: string, count: number): Promise<void> {
    await this.#answered(this.#subscribe(queue, count), 'consume the queue')
  }

  async #subscribe(queue: string, count: number): Promise<void> {
    const window = Math.min(count, 65_535)
    this.#prefetch = window
    await this.#channel.prefetch(window)
    const subscription: Subscription = { window, held: 0, active: true }
    // The first messages may arrive together with the answer, before the tag is known here.
    const { consumerTag } = await this.#channel.consume(queue, (message) => {
      if (message === null) {
        subscription.active = false
        return this.#events.cancelled()
      }
      const lease = new Lease({ channel: this, native: message, source: subscription, leasedAt: this.#clock.now() })
      subscription.held += 1
      this.#leases.add(lease)
      this.#events.leased(lease)
    })
    if (this.#alive) this.#subscriptions.set(consumerTag, subscription)
  }

  /** Takes back all credit: nothing more is leased once this resolves. What is leased stays leased. */
  async unsubscribe(): Promise<void> {
    const tags = [...this.#subscriptions]
    for (const [, subscription] of tags) subscription.active = false
    this.#subscriptions.clear()
    await this.#answered(Promise.all(tags.map(([tag]) => this.#channel.cancel(tag))), 'stop consuming')
  }

  async #answered(call: Promise<unknown>, doing: string): Promise<void> {
    try {
      await withDeadline(this.#clock, ANSWER_MS, call, () => lateError(ANSWER_MS, { doing, maybeApplied: false }))
    } catch (error) {
      if (error instanceof BrokerError) this.#abandon()
      throw error
    }
  }

  /** Nothing can be asked on it any more; what it held goes back when the server has closed it. */
  #abandon(): void {
    this.#channel.close().catch(() => {})
    this.#end(null)
  }

  /** How many consumers the queue has. Rejects when it is missing, and ends the channel. */
  async consumers(queue: string): Promise<number> {
    return (await this.#channel.checkQueue(queue)).consumerCount
  }

  /** A queue that only one connection can have; it goes with the connection. Rejects with 405 when another has it. */
  async lock(name: string): Promise<void> {
    await this.#channel.assertQueue(name, { exclusive: true, durable: false, arguments: { 'x-max-length': 0 } })
  }

  /** Gives the lock back. */
  async unlock(name: string): Promise<void> {
    if (this.#alive) await this.#answered(this.#channel.deleteQueue(name), 'end exclusive use')
  }

  /** Writes the acknowledgement; `barrier` tells when the server has it. False when the channel has ended: nothing was written. */
  acknowledge(lease: Lease): boolean {
    if (!this.#alive) return false
    try {
      this.#channel.ack(lease.native)
    } catch {
      return false
    }
    lease.state = 'acked'
    lease.source.held -= 1
    return true
  }

  /** Puts the message back at its place; the server counts one more delivery (below 4.3). */
  putBack(lease: Lease): void {
    if (!this.#alive) return
    try {
      this.#channel.nack(lease.native, false, true)
    } catch {
      return
    }
    this.forget(lease)
  }

  /** The lease has ended by our doing. */
  forget(lease: Lease): void {
    if (this.#leases.delete(lease) && lease.state !== 'acked') lease.source.held -= 1
  }

  holds(lease: Lease): boolean {
    return this.#leases.has(lease)
  }

  /**
   * Resolves once the server has handled everything written before: acknowledgements have no answer of their own, so that a
   * settlement counts only when a later question on the same channel was answered. Calls share one question where they can.
   */
  async barrier(deadlineMs: number): Promise<void> {
    const late = () => lateError(deadlineMs, { doing: 'settle' })
    await withDeadline(this.#clock, deadlineMs, this.#ask(), late)
  }

  /** Ends the channel; what it still holds goes back. */
  async close(): Promise<void> {
    if (this.#alive)
      await withDeadline(this.#clock, 2_000, this.#channel.close(), () => lateError(2_000, { doing: 'close' }))
  }

  #ask(): Promise<void> {
    if (this.#running === null) return this.#start()
    // A question already on its way says nothing about what was written after it.
    this.#queued ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#queued = null
        return this.#start()
      })
    return this.#queued
  }

  #start(): Promise<void> {
    const asked = this.#channel.prefetch(this.#prefetch).then(() => {})
    const running: Promise<void> = asked.finally(() => {
      if (this.#running === running) this.#running = null
    })
    this.#running = running
    return running
  }

  #end(reason: Error | null): void {
    if (!this.#alive) return
    this.#alive = false
    const unsettled = [...this.#leases].filter(({ state }) => state !== 'acked')
    this.#leases.clear()
    this.#subscriptions.clear()
    this.#events.ended(unsettled, reason)
  }
}
