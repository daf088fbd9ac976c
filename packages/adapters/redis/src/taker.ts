import type { BrokerErrorCode } from '@switchyard/core/adapter'
import { BrokerError, type Delivery } from '@switchyard/core/adapter'
import type { Bell } from './bell.ts'
import { type Context, faultOf } from './context.ts'
import { ADAPTER } from './errors.ts'
import type { Presence } from './presence.ts'
import type { Backend } from './queues.ts'
import type { Receipt } from './settle.ts'

/** A marker may get lost with the worker that popped it: look at least so often. */
const FLOOR_MS = 5_000
/** Between tries while the server is away; a tenth of the 15 s within which jobs must flow again. */
const AWAY_MOST_MS = 1_000
/** Most takes on the wire at once. */
const BURST = 64

/** Faults that end a consumer; with anything else it waits and tries again. */
const FATAL: ReadonlySet<BrokerErrorCode> = new Set(['closed', 'not-found', 'forbidden', 'version', 'unsupported'])

/** What a taker works with. */
export interface TakerParts {
  readonly context: Context
  readonly queue: string
  /** Its takes lock for the lease of this consumer. */
  readonly backend: Backend
  readonly bell: Bell
  readonly presence: Presence
  readonly prefetch: number
  /** Unique to this consumer. */
  readonly name: string
  /** Hears of every lease as soon as it is one. */
  leased(deliveries: readonly Delivery[]): void
}

/** Leases messages while somebody wants some. Taking never blocks; waiting holds nothing (bell.ts). */
export class Taker {
  readonly #parts: TakerParts
  #wake: () => void = () => undefined
  #wanted = 0
  #tokens = 0
  /** How many takes to send at once: all that are wanted while the queue has enough, as many as came last when it had not. */
  #burst = 1
  #failures = 0
  /** When the next delayed message is due, by the server's clock. */
  #dueAt: number | null = null

  constructor(parts: TakerParts) {
    this.#parts = parts
  }

  /** How many somebody waits for; 0: nobody does, and nothing is taken. */
  want(max: number): void {
    this.#wanted = max
    this.#wake()
  }

  /** One take, for `parkedTake`: waits for demand and for messages; comes back soon after `stop`. */
  async take(stop: AbortSignal): Promise<readonly Delivery[]> {
    while (!stop.aborted) {
      if (this.#wanted > 0) {
        const deliveries = await this.#fetch(this.#wanted + this.#parts.prefetch)
        if (deliveries.length > 0) return deliveries
      }
      await this.#wait(stop)
    }
    return []
  }

  async #fetch(max: number): Promise<readonly Delivery[]> {
    const { context, presence, queue } = this.#parts
    const call = { doing: 'receive', queue, writes: true }
    const taken: Delivery[] = []
    let failure: unknown
    try {
      await presence.check()
      this.#dueAt = null
      for (let more = true; more && taken.length < max; ) {
        const round = await this.#round(Math.min(this.#burst, max - taken.length))
        taken.push(...round.deliveries)
        failure = round.failure
        more = !round.empty && failure === undefined
        this.#burst = more ? BURST : Math.max(1, Math.min(taken.length, BURST))
      }
      // how far off that is must not depend on a clock of ours that was set since the last pulse
      if (taken.length === 0 && this.#dueAt !== null) await context.main.pulse()
    } catch (error) {
      failure = error
    }
    if (taken.length > 0) {
      this.#failures = 0
      this.#parts.leased(taken)
      return taken
    }
    if (failure === undefined) {
      this.#failures = 0
      return []
    }
    const fault = faultOf(context, failure, call)
    if ((FATAL.has(fault.code) && !fault.retryable) || (fault.code === 'conflict' && !fault.retryable)) throw fault
    if (context.closed) throw fault
    // an outage is told by the link, once
    if (this.#failures === 0 && fault.code !== 'unavailable') context.host.report(fault)
    this.#failures += 1
    return []
  }

  /** Takes sent together; they answer in the order of the queue. What got no answer may be leased to nobody: one lapse. */
  async #round(count: number): Promise<{ deliveries: Delivery[]; empty: boolean; failure: unknown }> {
    const { context, backend, queue } = this.#parts
    const leasedAt = context.host.clock.now()
    const asked = Array.from({ length: count }, () => {
      this.#tokens += 1
      const token = `${this.#parts.name}:${this.#tokens}`
      return backend.moveToActive(token).then((answer) => ({ token, answer }))
    })
    const deliveries: Delivery[] = []
    let empty = false
    let failure: unknown
    for (const result of await Promise.allSettled(asked)) {
      if (result.status === 'rejected') {
        failure = result.reason
        continue
      }
      const { token, answer } = result.value
      const [job, id, , dueAt] = answer as [TakenJob | null | undefined, string, number, number]
      if (job === null || job === undefined) {
        empty = true
        if (dueAt > 0) this.#dueAt = dueAt
        continue
      }
      if (typeof job.name !== 'string') context.host.report(hollow(queue, String(id)))
      deliveries.push(deliveryOf(String(id), job, token, leasedAt))
    }
    return { deliveries, empty, failure }
  }

  /** Until the marker, the next due time, the floor, a change of demand, or `stop`. Without demand nothing is waited for. */
  async #wait(stop: AbortSignal): Promise<void> {
    const { context, backend, bell } = this.#parts
    const { clock } = context.host
    const woken = Promise.withResolvers<void>()
    const away = this.#failures > 0
    const dueAt = this.#dueAt
    const key = backend.keys.marker ?? ''
    const wanted = this.#wanted > 0
    const waitMs = away ? Math.min(AWAY_MOST_MS, 25 * 2 ** Math.min(this.#failures, 10)) : this.#untilDue(dueAt)
    const cancelTimer = wanted ? clock.schedule(waitMs, woken.resolve) : () => undefined
    const cancelBell = wanted && !away ? bell.wait(key, woken.resolve) : () => undefined
    this.#wake = woken.resolve
    stop.addEventListener('abort', woken.resolve as () => void, { once: true })
    if (stop.aborted) woken.resolve()
    await woken.promise
    stop.removeEventListener('abort', woken.resolve as () => void)
    this.#wake = () => undefined
    cancelTimer()
    cancelBell()
    // we may be the only one that knows of it
    if (wanted && dueAt !== null && (this.#wanted === 0 || stop.aborted))
      bell.handBack(key, { member: '1', score: dueAt })
  }

  #untilDue(dueAt: number | null): number {
    if (dueAt === null) return FLOOR_MS
    return Math.min(FLOOR_MS, Math.max(1, dueAt - this.#parts.context.main.serverNow()))
  }
}

/** What BullMQ answers of a job, as far as we read it. */
interface TakenJob {
  readonly name: string | undefined
  readonly data: string
  readonly stalledCounter: number
  readonly failedReason: string | undefined
}

function deliveryOf(id: string, job: TakenJob, token: string, leasedAt: number): Delivery {
  const receipt: Receipt = { id, token }
  return {
    message: { id, body: job.data },
    note: job.failedReason ?? null,
    lapses: job.stalledCounter,
    leasedAt,
    receipt,
  }
}

function hollow(queue: string, id: string): BrokerError {
  return new BrokerError({
    adapter: ADAPTER,
    code: 'corrupt',
    queue,
    message: `job ${id} has lost its content; is maxmemory-policy something else than noeviction?`,
  })
}
