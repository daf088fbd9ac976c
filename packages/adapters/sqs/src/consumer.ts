import {
  BrokerError,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type ParkedTake,
  parkedTake,
  type Settlement,
  type SettleResult,
} from '@switchyard/core/adapter'
import { MAX_VISIBILITY_MS } from './capabilities.ts'
import { ADAPTER, refusal, refuseTx, toBrokerError } from './errors.ts'
import { type Lease, Leases } from './leases.ts'
import { Poller } from './poller.ts'
import type { Context } from './send.ts'
import { settleBatch } from './settle.ts'
import { changeVisibility } from './visibility.ts'
import { wholeSeconds } from './wire.ts'

/** Opens a consumer: the queue must exist. `closed` is told once, when everything has been given back. */
export async function consume(
  context: Context,
  queue: string,
  options: ConsumeOptions,
  closed: () => void,
): Promise<SqsConsumer> {
  context.calls.assertOpen({ doing: 'consume', queue })
  if (options.exclusive === true) throw refusal('unsupported', queue, 'SQS cannot keep other consumers out')
  if (!(options.leaseMs >= 1_000 && options.leaseMs <= MAX_VISIBILITY_MS - context.settings.pollMs))
    throw refusal('invalid', queue, `a lease of ${options.leaseMs} ms is not within 1 s and 12 h less pollMs`)
  await context.queues.url(queue)
  return new SqsConsumer(context, queue, options, closed)
}

/** Leases of one queue. */
export class SqsConsumer implements Consumer {
  readonly #context: Context
  readonly #queue: string
  readonly #options: ConsumeOptions
  readonly #leases: Leases
  readonly #parked: ParkedTake<Delivery>
  readonly #closed: () => void
  #receiving = false
  #closing: Promise<void> | null = null

  constructor(context: Context, queue: string, options: ConsumeOptions, closed: () => void) {
    this.#context = context
    this.#queue = queue
    this.#options = options
    this.#closed = closed
    this.#leases = new Leases(context.calls.host.clock, {
      lost: (deliveries) => options.lost(deliveries),
      giveBack: (leases) => void this.#hurryBack(leases),
    })
    const poller = new Poller(context, queue, options.leaseMs, {
      leases: this.#leases,
      wanted: () => this.#receiving,
    })
    this.#parked = parkedTake((max, stop) => poller.take(max + options.prefetch, stop))
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    for (;;) {
      if (this.#closing !== null) throw this.#closedError('receive')
      this.#receiving = true
      const taken = await this.#parked.receive(max, signal).finally(() => {
        this.#receiving = false
      })
      const deliveries = this.#leases.give(taken)
      // what went back while it lay in the buffer is not ours to hand over: ask again
      if (deliveries.length > 0 || signal.aborted) return deliveries
    }
  }

  async settle(settlements: readonly Settlement[], tx?: never): Promise<readonly SettleResult[]> {
    refuseTx(this.#queue, tx)
    this.#context.calls.assertOpen({ doing: 'settle', queue: this.#queue })
    const parts = { context: this.#context, queue: this.#queue, leases: this.#leases }
    const results = await settleBatch(parts, settlements)
    const lost = settlements.filter(({ delivery }, place) => results[place] === 'lost' && this.#leases.end(delivery))
    if (lost.length > 0) this.#options.lost(lost.map(({ delivery }) => delivery))
    return results
  }

  async extend(deliveries: readonly Delivery[]): Promise<readonly SettleResult[]> {
    const { calls } = this.#context
    calls.assertOpen({ doing: 'extend', queue: this.#queue })
    const { clock, callDeadlineMs } = calls.host
    const askedAt = clock.now()
    const seconds = wholeSeconds(this.#options.leaseMs)
    const open = deliveries.flatMap((delivery, place) => {
      const lease = this.#leases.find(delivery)
      return lease === undefined ? [] : [{ place, lease }]
    })
    const results: SettleResult[] = deliveries.map(() => 'lost')
    const answers = await changeVisibility(this.#context, {
      queue: this.#queue,
      changes: open.map(({ lease }) => ({ handle: lease.received.handle, seconds })),
      endsAt: askedAt + callDeadlineMs,
      doing: 'extend',
    })
    const lost: Delivery[] = []
    for (const [index, { place, lease }] of open.entries()) {
      const told = answers[index] ?? 'lost'
      // Renewed too late: the lease had ended on the way, was told as lost, and somebody else may have it.
      const answer = told === 'settled' && clock.now() >= lease.trustedUntil ? 'lost' : told
      results[place] = answer
      if (answer === 'settled') this.#leases.extended(lease, askedAt, seconds * 1_000)
      else if (answer === 'lost' && this.#leases.end(lease.delivery)) lost.push(lease.delivery)
    }
    if (lost.length > 0) this.#options.lost(lost)
    return results
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#parked.close()
    this.#leases.close()
    try {
      await this.#giveBack(this.#leases.all().filter(({ settling }) => !settling))
    } catch (error) {
      this.#report(error) // their leases end by themselves
    } finally {
      this.#closed()
    }
  }

  /** What lay in the buffer for too long; whatever cannot be given back ends by itself. */
  async #hurryBack(leases: readonly Lease[]): Promise<void> {
    try {
      await this.#giveBack(leases)
    } catch (error) {
      this.#report(error)
    }
    for (const { delivery } of leases) this.#leases.drop(delivery)
  }

  async #giveBack(leases: readonly Lease[]): Promise<void> {
    if (leases.length === 0) return
    const parts = { context: this.#context, queue: this.#queue, leases: this.#leases }
    const back = leases.map(({ delivery }): Settlement => ({ kind: 'release', delivery, delayMs: 0 }))
    for (const answer of await settleBatch(parts, back)) if (typeof answer !== 'string') throw answer
  }

  #report(error: unknown): void {
    this.#context.calls.host.report(toBrokerError(error, { doing: 'give back', queue: this.#queue, writes: true }))
  }

  #closedError(doing: string): BrokerError {
    return new BrokerError({
      code: 'closed',
      adapter: ADAPTER,
      queue: this.#queue,
      message: `could not ${doing}: the consumer was closed`,
    })
  }
}
