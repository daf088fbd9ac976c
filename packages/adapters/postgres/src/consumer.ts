import type { BrokerErrorCode } from '@switchyard/core/adapter'
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
import type { Db, JobWithMetadata } from 'pg-boss'
import { type Context, type PostgresTx, runCall, toDb } from './context.ts'
import { toBrokerError } from './errors.ts'
import { HeldLeases } from './held-leases.ts'
import type { Hold } from './session.ts'
import { confirm, fenceOf, type Receipt, receiptOf, settleAll, settledIds } from './settle.ts'
import type { QueueShape } from './wire.ts'
import { fromData, lapsesOf, NEVER } from './wire.ts'

/** Between tries while the server is away; a tenth of the 15 s within which jobs must flow again. */
const AWAY_MOST_MS = 1_000

/** Faults that end a consumer; with anything else (a standby that will be promoted, a full disk) it waits and tries again. */
const FATAL: ReadonlySet<BrokerErrorCode> = new Set([
  'closed',
  'not-found',
  'forbidden',
  'version',
  'unsupported',
  'conflict',
])

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
  readonly #held: HeldLeases
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
    this.#wanted = max
    this.#ring()
    try {
      for (;;) {
        const taken = await this.#parked.receive(max, signal)
        const deliveries = this.#held.give(taken) // what went back meanwhile is not ours to hand over
        if (deliveries.length > 0 || signal.aborted) return deliveries
        if (this.#closing !== null) throw this.#closedError('receive')
      }
    } finally {
      this.#wanted = 0
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
      const deliveries = jobs.sort(byAge).map((job) => deliveryOf(job, leasedAt))
      this.#held.park(deliveries)
      return deliveries
    } catch (error) {
      const fault = this.#fault(error, 'receive')
      if ((FATAL.has(fault.code) && !fault.retryable) || this.#context.closed) throw fault
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
  const heartbeatMs = (job.heartbeatSeconds ?? NEVER) * 1_000
  const receipt: Receipt = {
    id: job.id,
    retryCount: job.retryCount,
    stored,
    heartbeatMs,
    createdMs: Number(job.createdOn) / 1_000,
  }
  return {
    message: { id: job.id, body: stored.body },
    note: stored.note,
    lapses: lapsesOf(job.retryCount, stored),
    leasedAt,
    receipt,
  }
}
