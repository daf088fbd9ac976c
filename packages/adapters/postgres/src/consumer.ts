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
import type { Db } from 'pg-boss'
import { type Context, type PostgresTx, runCall, toDb } from './context.ts'
import { toBrokerError } from './errors.ts'
import { HeldLeases } from './held-leases.ts'
import type { Hold } from './session.ts'
import { confirm, fenceOf, type Receipt, receiptOf, settleAll, settledIds } from './settle.ts'
import { Taker } from './taker.ts'
import type { QueueShape } from './wire.ts'

/** Opens a consumer: the queue must exist, and nobody may forbid us to take from it. */
export function consume(
  context: Context,
  queue: string,
  options: ConsumeOptions,
  closed: () => void,
): Promise<PostgresConsumer> {
  return runCall(context, { doing: 'consume', queue, writes: false }, async () => {
    if (!(options.leaseMs >= 1_000)) throw shortLease(queue, options.leaseMs)
    const shape = await context.queues.shape(queue)
    // asks pg-boss for the untyped array that settle needs, before anything depends on it
    settledIds(await context.boss.touch(queue, [{ id: '00000000-0000-0000-0000-000000000000', retryCount: 0 }]))
    const hold = await context.session.hold(queue, options.exclusive === true ? 'exclusive' : 'shared')
    if (hold !== null) return new PostgresConsumer({ context, shape, options, hold, closed })
    const message = options.exclusive === true ? 'other consumers are open on it' : 'an exclusive consumer has it'
    throw new BrokerError({ code: 'conflict', adapter: 'postgres', queue, message: `could not consume: ${message}` })
  })
}

function shortLease(queue: string, leaseMs: number): BrokerError {
  return new BrokerError({
    code: 'invalid',
    adapter: 'postgres',
    queue,
    message: `a lease of ${leaseMs} ms is below one second`,
  })
}

interface ConsumerParts {
  readonly context: Context
  readonly shape: QueueShape
  readonly options: ConsumeOptions
  readonly hold: Hold
  /** Told once, when everything has been given back. */
  closed(): void
}

/** Leases of one queue. */
export class PostgresConsumer implements Consumer<PostgresTx> {
  readonly #context: Context
  readonly #shape: QueueShape
  readonly #options: ConsumeOptions
  readonly #hold: Hold
  readonly #taker: Taker
  readonly #parked: ParkedTake<Delivery>
  readonly #held: HeldLeases
  readonly #stopRinging: () => void
  readonly #closed: () => void
  #closing: Promise<void> | null = null

  constructor({ context, shape, options, hold, closed }: ConsumerParts) {
    this.#closed = closed
    this.#context = context
    this.#shape = shape
    this.#options = options
    this.#hold = hold
    this.#taker = new Taker({
      context,
      queue: shape.name,
      prefetch: options.prefetch,
      exclusive: options.exclusive === true,
      hold,
      leased: (deliveries) => this.#held.park(deliveries),
    })
    this.#stopRinging = context.session.onRing(shape.name, () => this.#taker.ring())
    this.#parked = parkedTake((_max, stop) => this.#taker.take(stop))
    this.#held = new HeldLeases(context.host.clock, options.leaseMs, {
      touch: (receipts) => this.#touch(receipts),
      giveBack: (deliveries) => this.#giveBack(deliveries),
      expire: async (receipts) => {
        await context.boss.fail(shape.name, receipts.map(fenceOf))
      },
      lost: (deliveries) => options.lost(deliveries),
      failed: (error) => context.host.report(this.#fault(error, 'keep leases')),
    })
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#closing !== null) throw this.#closedError('receive')
    this.#taker.want(max)
    try {
      for (;;) {
        const taken = await this.#parked.receive(max, signal)
        const deliveries = this.#held.give(taken) // what went back meanwhile is not ours to hand over
        if (deliveries.length > 0 || signal.aborted) return deliveries
        if (this.#closing !== null) throw this.#closedError('receive')
      }
    } finally {
      this.#taker.want(0)
    }
  }

  async settle(settlements: readonly Settlement[], tx?: PostgresTx): Promise<readonly SettleResult[]> {
    if (settlements.length === 0) return []
    const call = { doing: 'settle', queue: this.#shape.name, writes: true }
    let results: readonly SettleResult[]
    try {
      results = await runCall(this.#context, call, () =>
        this.#settle(settlements, tx === undefined ? undefined : toDb(tx)),
      )
    } catch (error) {
      const fault = toBrokerError(error, call)
      if (tx !== undefined || !fault.retryable) throw fault
      results = settlements.map(() => fault)
    }
    settlements.forEach(({ delivery }, index) => {
      const answer = results[index]
      if (answer === 'lost') this.#tellLost(delivery)
      // the user's transaction may still roll back: then the lease is ours until it ends
      else if (answer === 'settled' && tx === undefined) this.#held.drop(delivery)
      else this.#held.doubt(delivery)
    })
    return results
  }

  async #settle(settlements: readonly Settlement[], tx: Db | undefined): Promise<readonly SettleResult[]> {
    const late = settlements.filter(({ delivery }) => !this.#held.trusts(delivery))
    const receipts = late.map(({ delivery }) => receiptOf(delivery))
    const confirmed = await confirm(this.#context, this.#shape.name, receipts, tx)
    const gone = new Set(late.filter(({ delivery }) => !confirmed.has(receiptOf(delivery))))
    const ours = settlements.filter((one) => !gone.has(one))
    const answers = await settleAll(this.#context, this.#shape, ours, tx)
    let next = 0
    return settlements.map((one) => (gone.has(one) ? 'lost' : (answers[next++] ?? 'lost')))
  }

  async extend(deliveries: readonly Delivery[]): Promise<readonly SettleResult[]> {
    if (deliveries.length === 0) return []
    return runCall(this.#context, { doing: 'extend', queue: this.#shape.name, writes: true }, async () => {
      const at = this.#context.host.clock.now()
      const [sure, late] = [true, false].map((trusted) =>
        deliveries.filter((delivery) => this.#held.trusts(delivery) === trusted).map(receiptOf),
      )
      const live = await this.#touch(sure ?? [])
      const confirmed = await confirm(this.#context, this.#shape.name, late ?? [], undefined)
      return deliveries.map((delivery) => {
        const receipt = receiptOf(delivery)
        if (live.has(receipt) || confirmed.has(receipt)) {
          this.#held.extended(delivery, at)
          return 'settled'
        }
        this.#tellLost(delivery)
        return 'lost'
      })
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#stopRinging()
    await this.#parked.close()
    this.#held.close()
    const back = this.#held.all()
    try {
      if (back.length > 0) await this.#giveBack(back)
    } catch (error) {
      this.#context.host.report(this.#fault(error, 'give back')) // their leases end by themselves
    } finally {
      await this.#hold.release()
      this.#closed()
    }
  }

  /** Renews; the ones that stood. A consumer holds at most one live lease of an id. */
  async #touch(receipts: readonly Receipt[]): Promise<ReadonlySet<Receipt>> {
    const newest = new Map<string, Receipt>()
    for (const receipt of receipts) {
      const other = newest.get(receipt.id)
      if (other === undefined || other.retryCount < receipt.retryCount) newest.set(receipt.id, receipt)
    }
    if (newest.size === 0) return new Set()
    const live = settledIds(await this.#context.boss.touch(this.#shape.name, [...newest.values()].map(fenceOf)))
    return new Set([...newest.values()].filter(({ id }) => live.has(id)))
  }

  async #giveBack(deliveries: readonly Delivery[]): Promise<void> {
    const settlements = deliveries.map((delivery): Settlement => ({ kind: 'release', delivery, delayMs: 0 }))
    const call = { doing: 'give back', queue: this.#shape.name, writes: true }
    const results = await runCall(this.#context, call, () => this.#settle(settlements, undefined))
    const fault = results.find((result) => typeof result !== 'string')
    if (fault !== undefined) throw fault
  }

  #tellLost(delivery: Delivery): void {
    if (this.#held.drop(delivery)) this.#options.lost([delivery])
  }

  #fault(error: unknown, doing: string): BrokerError {
    return toBrokerError(error, { doing, queue: this.#shape.name, writes: true })
  }

  #closedError(doing: string): BrokerError {
    return new BrokerError({
      code: 'closed',
      adapter: 'postgres',
      queue: this.#shape.name,
      message: `could not ${doing}: the consumer was closed`,
    })
  }
}
