import type { BrokerErrorCode } from '@switchyard/core/adapter'
import { BrokerError, type Delivery } from '@switchyard/core/adapter'
import type { JobWithMetadata } from 'pg-boss'
import type { Context } from './context.ts'
import { toBrokerError } from './errors.ts'
import type { Hold } from './session.ts'
import type { Receipt } from './settle.ts'
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

/** What a taker works with. */
export interface TakerParts {
  readonly context: Context
  readonly queue: string
  readonly prefetch: number
  readonly exclusive: boolean
  readonly hold: Hold
  /** Hears of every lease as soon as it is one. */
  leased(deliveries: readonly Delivery[]): void
}

/** Leases messages while somebody wants some. A fetch never blocks on the server: idle waiting is a bell and a timer, and holds nothing. */
export class Taker {
  readonly #parts: TakerParts
  /** Ends the wait under way. */
  #bell: () => void = () => undefined
  #rung = false
  #wanted = 0
  #failures = 0

  constructor(parts: TakerParts) {
    this.#parts = parts
  }

  /** How many somebody waits for; 0: nobody does, and nothing is fetched. */
  want(max: number): void {
    this.#wanted = max
    if (max > 0) this.ring()
  }

  /** Something may be there. */
  ring(): void {
    this.#rung = true
    this.#bell()
  }

  /** One take, for `parkedTake`: waits for demand and for messages; comes back soon after `stop`. */
  async take(stop: AbortSignal): Promise<readonly Delivery[]> {
    while (!stop.aborted) {
      this.#rung = false
      if (this.#wanted > 0) {
        const deliveries = await this.#fetch(this.#wanted + this.#parts.prefetch)
        if (deliveries.length > 0) return deliveries
      }
      await this.#wait(stop)
    }
    return []
  }

  async #fetch(max: number): Promise<readonly Delivery[]> {
    const { boss, database, host } = this.#parts.context
    const leasedAt = host.clock.now()
    try {
      if (!(await this.#mayTake())) return []
      const jobs = await boss.fetch<unknown>(this.#parts.queue, {
        batchSize: max,
        includeMetadata: true,
        db: database.fetching,
      })
      this.#failures = 0
      const deliveries = jobs.sort(byAge).map((job) => deliveryOf(job, leasedAt))
      this.#parts.leased(deliveries)
      return deliveries
    } catch (error) {
      const fault = toBrokerError(error, { doing: 'receive', queue: this.#parts.queue, writes: true })
      if ((FATAL.has(fault.code) && !fault.retryable) || this.#parts.context.closed) throw fault
      if (this.#failures === 0) host.report(fault)
      this.#failures += 1
      return []
    }
  }

  async #mayTake(): Promise<boolean> {
    if (this.#parts.hold.state === 'held') return true
    if (this.#parts.hold.state === 'refused') {
      if (this.#parts.exclusive)
        throw new BrokerError({
          code: 'conflict',
          adapter: 'postgres',
          queue: this.#parts.queue,
          message: 'the connection was lost, and another consumer came in meanwhile; open it again',
          retryable: false,
        })
      await this.#parts.context.session.retake()
    }
    return !this.#parts.exclusive && this.#parts.hold.state !== ('refused' as Hold['state'])
  }

  /** Until the bell, the poll, or `stop`. Without demand only the bell counts: an idle worker costs nothing. */
  async #wait(stop: AbortSignal): Promise<void> {
    if (this.#rung || stop.aborted) return
    const { clock } = this.#parts.context.host
    const wake = Promise.withResolvers<void>()
    const away = this.#wanted > 0 && this.#failures > 0
    const waitMs = away
      ? Math.min(AWAY_MOST_MS, 50 * 2 ** Math.min(this.#failures, 10))
      : this.#parts.context.settings.pollMs
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
}

/** `createdOn` and `startAfter` are microseconds here (Database.fetching); the row order of UPDATE … RETURNING means nothing. */
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
