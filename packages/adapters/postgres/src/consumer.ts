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
import type { JobWithMetadata } from 'pg-boss'
import { type Context, type PostgresTx, runCall, toDb } from './context.ts'
import { toBrokerError } from './errors.ts'
import type { Hold } from './session.ts'
import { type Receipt, receiptOf, settleAll, settledIds } from './settle.ts'
import type { QueueShape } from './wire.ts'
import { fromData, lapsesOf } from './wire.ts'

/** Between tries while the server is away; a tenth of the 15 s within which jobs must flow again. */
const AWAY_MOST_MS = 1_000

/** Opens a consumer: the queue must exist, and nobody may forbid us to take from it. */
export function consume(context: Context, queue: string, options: ConsumeOptions): Promise<PostgresConsumer> {
  return runCall(context, { doing: 'consume', queue, writes: false }, async () => {
    const shape = await context.queues.shape(queue)
    // asks pg-boss for the untyped array that settle needs, before anything depends on it
    settledIds(await context.boss.touch(queue, [{ id: '00000000-0000-0000-0000-000000000000', retryCount: 0 }]))
    const hold = await context.session.hold(queue, options.exclusive === true ? 'exclusive' : 'shared')
    if (hold !== null) return new PostgresConsumer(context, shape, options, hold)
    const message = options.exclusive === true ? 'other consumers are open on it' : 'an exclusive consumer has it'
    throw new BrokerError({ code: 'conflict', adapter: 'postgres', queue, message: `could not consume: ${message}` })
  })
}

/** Leases of one queue. Fetching never blocks on the server: idle waiting is a bell and a timer, so nothing is leased to nobody. */
export class PostgresConsumer implements Consumer<PostgresTx> {
  readonly #context: Context
  readonly #shape: QueueShape
  readonly #options: ConsumeOptions
  readonly #hold: Hold
  readonly #parked: ParkedTake<Delivery>
  readonly #outstanding = new Map<Receipt, Delivery>()
  readonly #stopRinging: () => void
  /** Opens when something may be there; replaced by each wait. */
  #bell: () => void = () => undefined
  #rung = false
  #wanted = 0
  #failures = 0
  #closing: Promise<void> | null = null

  constructor(context: Context, shape: QueueShape, options: ConsumeOptions, hold: Hold) {
    this.#context = context
    this.#shape = shape
    this.#options = options
    this.#hold = hold
    this.#stopRinging = context.session.onRing(shape.name, () => this.#ring())
    this.#parked = parkedTake((_max, stop) => this.#take(stop))
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#closing !== null) throw this.#closedError('receive')
    this.#wanted = max
    this.#ring()
    try {
      const deliveries = await this.#parked.receive(max, signal)
      for (const delivery of deliveries) this.#outstanding.set(receiptOf(delivery), delivery)
      return deliveries
    } finally {
      this.#wanted = 0
    }
  }

  async settle(settlements: readonly Settlement[], tx?: PostgresTx): Promise<readonly SettleResult[]> {
    if (settlements.length === 0) return []
    return runCall(this.#context, { doing: 'settle', queue: this.#shape.name, writes: true }, async () => {
      const results = await settleAll(this.#context, this.#shape, settlements, tx === undefined ? undefined : toDb(tx))
      settlements.forEach(({ delivery }, index) => {
        if (typeof results[index] === 'string') this.#outstanding.delete(receiptOf(delivery))
      })
      return results
    })
  }

  async extend(deliveries: readonly Delivery[]): Promise<readonly SettleResult[]> {
    if (deliveries.length === 0) return []
    return runCall(this.#context, { doing: 'extend', queue: this.#shape.name, writes: true }, async () => {
      const attempts = deliveries
        .map((delivery) => receiptOf(delivery))
        .map(({ id, retryCount }) => ({ id, retryCount }))
      const live = settledIds(await this.#context.boss.touch(this.#shape.name, attempts))
      return deliveries.map((delivery) => {
        if (live.has(receiptOf(delivery).id)) return 'settled'
        this.#outstanding.delete(receiptOf(delivery))
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
    const parked = await this.#parked.close()
    const back = [...parked, ...this.#outstanding.values()]
    this.#outstanding.clear()
    try {
      if (back.length > 0) {
        const settlements = back.map((delivery): Settlement => ({ kind: 'release', delivery, delayMs: 0 }))
        await runCall(this.#context, { doing: 'give back', queue: this.#shape.name, writes: true }, () =>
          settleAll(this.#context, this.#shape, settlements, undefined),
        )
      }
    } catch (error) {
      // their leases end by themselves
      this.#context.host.report(toBrokerError(error, { doing: 'give back', queue: this.#shape.name, writes: true }))
    } finally {
      await this.#hold.release()
    }
  }

  /** One take: waits for demand and for messages; comes back soon after `stop`. */
  async #take(stop: AbortSignal): Promise<readonly Delivery[]> {
    while (!stop.aborted) {
      this.#rung = false
      if (this.#wanted > 0) {
        const deliveries = await this.#fetch(this.#wanted + this.#options.prefetch)
        if (deliveries.length > 0) return deliveries
      }
      await this.#wait(stop)
    }
    return []
  }

  async #fetch(max: number): Promise<readonly Delivery[]> {
    const { boss, database, host } = this.#context
    const leasedAt = host.clock.now()
    try {
      if (!(await this.#mayTake())) return []
      const jobs = await boss.fetch<unknown>(this.#shape.name, {
        batchSize: max,
        includeMetadata: true,
        db: database.micros,
      })
      this.#failures = 0
      return jobs.sort(byAge).map((job) => deliveryOf(job, leasedAt))
    } catch (error) {
      const fault = toBrokerError(error, { doing: 'receive', queue: this.#shape.name, writes: true })
      if (!fault.retryable || this.#context.closed) throw fault
      if (this.#failures === 0) host.report(fault)
      this.#failures += 1
      return []
    }
  }

  async #mayTake(): Promise<boolean> {
    if (this.#hold.state === 'held') return true
    if (this.#hold.state === 'refused') {
      if (this.#options.exclusive === true)
        throw new BrokerError({
          code: 'conflict',
          adapter: 'postgres',
          queue: this.#shape.name,
          message: 'the connection was lost, and another consumer came in meanwhile; open it again',
          retryable: false,
        })
      await this.#context.session.retake()
    }
    return this.#options.exclusive !== true && this.#hold.state !== ('refused' as Hold['state'])
  }

  #ring(): void {
    this.#rung = true
    this.#bell()
  }

  /** Until the bell, the poll, or `stop`. Without demand only the bell counts: an idle worker costs nothing. */
  async #wait(stop: AbortSignal): Promise<void> {
    if (this.#rung) return
    const { clock } = this.#context.host
    const wake = Promise.withResolvers<void>()
    const away = this.#wanted > 0 && this.#failures > 0
    const waitMs = away ? Math.min(AWAY_MOST_MS, 50 * 2 ** Math.min(this.#failures, 10)) : this.#context.settings.pollMs
    const cancel = this.#wanted > 0 ? clock.schedule(waitMs, wake.resolve) : () => undefined
    // while the server is away, a bell is not news
    this.#bell = away ? () => undefined : wake.resolve
    const stopped = () => wake.resolve()
    stop.addEventListener('abort', stopped, { once: true })
    await wake.promise
    stop.removeEventListener('abort', stopped)
    cancel()
    this.#bell = () => undefined
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

/** `createdOn` and `startAfter` are microseconds here (Database.micros); the row order of UPDATE … RETURNING means nothing. */
function byAge(one: JobWithMetadata<unknown>, other: JobWithMetadata<unknown>): number {
  return (
    other.priority - one.priority ||
    Number(one.createdOn) - Number(other.createdOn) ||
    Number(one.startAfter) - Number(other.startAfter) ||
    (one.id < other.id ? -1 : 1)
  )
}

function deliveryOf(job: JobWithMetadata<unknown>, leasedAt: number): Delivery {
  const stored = fromData(job.data)
  const receipt: Receipt = { id: job.id, retryCount: job.retryCount, stored }
  return {
    message: { id: job.id, body: stored.body },
    note: stored.note,
    lapses: lapsesOf(job.retryCount, stored),
    leasedAt,
    receipt,
  }
}
