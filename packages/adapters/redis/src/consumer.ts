import {
  BrokerError,
  type Cancel,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type ParkedTake,
  parkedTake,
  type Settlement,
  type SettleResult,
} from '@switchyard/core/adapter'
import type { Bells } from './bells.ts'
import { type Context, faultOf, runCall } from './context.ts'
import { ADAPTER, closedError } from './errors.ts'
import type { Lapses } from './lapses.ts'
import { Presence } from './presence.ts'
import { noTransactions } from './producer.ts'
import type { Backend, QueueShape } from './queues.ts'
import { receiptOf, settleAll } from './settle.ts'
import { Taker } from './taker.ts'
import { MAX_DELAY_MS, MIN_LEASE_MS } from './wire.ts'

/** Without prefetch, how long a message may lie here that came after its receive had been aborted. */
const PARKED_MS = 500

/** What consumers share besides the context. */
export interface ConsumerServices {
  readonly context: Context
  readonly bells: Bells
  readonly lapses: Lapses
}

/** Opens a consumer: the queue must exist, and nobody may forbid us to take from it. */
export function consume(
  services: ConsumerServices,
  queue: string,
  options: ConsumeOptions,
  closed: () => void,
): Promise<RedisConsumer> {
  const { context } = services
  let given = false
  let late = false
  const opening = async () => {
    const consumer = await open(services, queue, options, closed)
    // nobody waits for it any more: it must not keep others out
    if (late || context.closed) await consumer.close()
    return consumer
  }
  return runCall(context, { doing: 'consume', queue, writes: false }, opening)
    .then((consumer) => {
      given = true
      return consumer
    })
    .finally(() => {
      late = !given
    })
}

async function open(
  { context, bells, lapses }: ConsumerServices,
  queue: string,
  options: ConsumeOptions,
  closed: () => void,
): Promise<RedisConsumer> {
  const leaseMs = Math.ceil(options.leaseMs)
  if (!(leaseMs >= MIN_LEASE_MS && leaseMs <= MAX_DELAY_MS)) throw badLease(queue, options.leaseMs)
  const shape = await context.queues.verify(queue)
  const name = Buffer.from(context.host.clock.randomBytes(9)).toString('base64url')
  const presence = await Presence.enter({ context, queue, name, exclusive: options.exclusive === true })
  const { bell, release } = await bells.hold(queue)
  const backend = context.queues.leasing(queue, leaseMs)
  const leave = async () => {
    await presence.leave()
    await release()
    closed()
  }
  return new RedisConsumer({ context, lapses, shape, backend, options, leaseMs, leave }, (leased) => {
    const { prefetch } = options
    return new Taker({ context, queue, backend, bell, presence, prefetch, name, leased })
  })
}

function badLease(queue: string, leaseMs: number): BrokerError {
  const message = `a lease of ${leaseMs} ms is not within ${MIN_LEASE_MS} and ${MAX_DELAY_MS} ms`
  return new BrokerError({ adapter: ADAPTER, code: 'invalid', queue, message })
}

interface ConsumerParts {
  readonly context: Context
  readonly lapses: Lapses
  readonly shape: QueueShape
  readonly backend: Backend
  readonly options: ConsumeOptions
  /** Whole milliseconds. */
  readonly leaseMs: number
  /** Called once, when everything has been given back. */
  leave(): Promise<void>
}

interface Held {
  readonly delivery: Delivery
  /** False while it waits in the buffer for a `receive`. */
  given: boolean
  /** A settlement of it got no answer. */
  doubtful: boolean
}

/** Leases of one queue. */
export class RedisConsumer implements Consumer<never> {
  readonly #parts: ConsumerParts
  readonly #context: Context
  readonly #taker: Taker
  readonly #parked: ParkedTake<Delivery>
  /** By token. */
  readonly #held = new Map<string, Held>()
  readonly #unwatch: () => void
  #cancelGiveBack: Cancel = () => undefined
  #closing: Promise<void> | null = null

  constructor(parts: ConsumerParts, takerOf: (leased: (deliveries: readonly Delivery[]) => void) => Taker) {
    this.#parts = parts
    this.#context = parts.context
    this.#taker = takerOf((deliveries) => this.#hold(deliveries))
    this.#parked = parkedTake((_max, stop) => this.#taker.take(stop))
    this.#unwatch = parts.lapses.watch(parts.shape.name, (ids, before) => this.#lapsed(ids, before))
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#closing !== null) throw closedError('receive', this.#parts.shape.name)
    this.#taker.want(max)
    try {
      for (;;) {
        const taken = await this.#parked.receive(max, signal)
        const deliveries = taken.filter((delivery) => this.#give(delivery)) // some may have gone back meanwhile
        if (deliveries.length > 0 || signal.aborted) return deliveries
        if (this.#closing !== null) throw closedError('receive', this.#parts.shape.name)
      }
    } finally {
      this.#taker.want(0)
    }
  }

  async settle(settlements: readonly Settlement[], tx?: never): Promise<readonly SettleResult[]> {
    const { name } = this.#parts.shape
    if (tx !== undefined) throw noTransactions(name)
    if (settlements.length === 0) return []
    const call = { doing: 'settle', queue: name, writes: true }
    let results: readonly SettleResult[]
    try {
      results = await runCall(this.#context, call, () => this.#settle(settlements))
    } catch (error) {
      const fault = faultOf(this.#context, error, call)
      if (!fault.retryable) throw fault
      results = settlements.map(() => fault)
    }
    settlements.forEach(({ delivery }, index) => {
      const answer = results[index]
      const held = this.#held.get(receiptOf(delivery).token)
      if (answer === 'lost') this.#tellLost(delivery)
      else if (answer === 'settled') this.#held.delete(receiptOf(delivery).token)
      else if (held !== undefined) held.doubtful = true
    })
    return results
  }

  async extend(deliveries: readonly Delivery[]): Promise<readonly SettleResult[]> {
    if (deliveries.length === 0) return []
    const call = { doing: 'extend', queue: this.#parts.shape.name, writes: true }
    return runCall(this.#context, call, () =>
      Promise.all(
        deliveries.map(async (delivery): Promise<SettleResult> => {
          const { id, token } = receiptOf(delivery)
          try {
            const stands = await this.#parts.backend.extendLock(id, token, this.#parts.leaseMs)
            if (Number(stands) === 1) return 'settled'
          } catch (error) {
            return faultOf(this.#context, error, call)
          }
          this.#tellLost(delivery)
          return 'lost'
        }),
      ),
    )
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#parked.close()
    this.#unwatch()
    this.#cancelGiveBack()
    const back = [...this.#held.values()].map(({ delivery }) => delivery)
    this.#held.clear()
    await this.#giveBack(back)
    await this.#parts.leave()
  }

  #settle(settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const { backend, shape } = this.#parts
    return settleAll({ context: this.#context, shape, backend }, settlements)
  }

  /** Freshly leased. What nobody comes for goes back, so that an abort at the wrong moment costs no lapse and little time. */
  #hold(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries)
      this.#held.set(receiptOf(delivery).token, { delivery, given: false, doubtful: false })
    this.#cancelGiveBack()
    this.#cancelGiveBack = this.#context.host.clock.schedule(this.#patienceMs(), () => {
      const idle = [...this.#held.values()].filter(({ given }) => !given).map(({ delivery }) => delivery)
      for (const delivery of idle) this.#held.delete(receiptOf(delivery).token)
      void this.#giveBack(idle)
    })
  }

  #patienceMs(): number {
    const { leaseMs, options } = this.#parts
    return options.prefetch > 0 ? leaseMs / 2 : Math.min(leaseMs / 2, PARKED_MS)
  }

  #give(delivery: Delivery): boolean {
    const held = this.#held.get(receiptOf(delivery).token)
    if (held === undefined) return false
    held.given = true
    return true
  }

  /** Without a lapse. A failure is told; then the leases end by themselves. */
  async #giveBack(deliveries: readonly Delivery[]): Promise<void> {
    if (deliveries.length === 0) return
    const settlements = deliveries.map((delivery): Settlement => ({ kind: 'release', delivery, delayMs: 0 }))
    const call = { doing: 'give back', queue: this.#parts.shape.name, writes: true }
    let fault: BrokerError | undefined
    try {
      const results = await runCall(this.#context, call, () => this.#settle(settlements))
      fault = results.find((result) => typeof result !== 'string')
    } catch (error) {
      fault = faultOf(this.#context, error, call)
    }
    if (fault !== undefined) this.#context.host.report(fault)
  }

  #lapsed(ids: ReadonlySet<string>, before: number): void {
    for (const { delivery } of [...this.#held.values()])
      if (ids.has(receiptOf(delivery).id) && delivery.leasedAt < before) this.#tellLost(delivery)
  }

  /** At most once. Core never saw what was not given; what is in doubt may have been settled. */
  #tellLost(delivery: Delivery): void {
    const held = this.#held.get(receiptOf(delivery).token)
    this.#held.delete(receiptOf(delivery).token)
    if (held?.given === true && !held.doubtful) this.#parts.options.lost([delivery])
  }
}
