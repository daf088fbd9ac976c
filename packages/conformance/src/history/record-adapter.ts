import type {
  Adapter,
  AdapterFactory,
  AdapterHost,
  BrokerError,
  Consumer,
  Delivery,
  Settlement,
  SettleResult,
} from '@switchyard/core/adapter'
import { BrokerError as BrokerErrorClass } from '@switchyard/core/adapter'
import type { HistoryFact } from './history-event.ts'

/** What `recordAdapter` needs of a writer. */
export interface HistorySink {
  readonly proc: string
  readonly epoch: number
  write(fact: HistoryFact): unknown
}

/** How to record, and what to disturb. */
export interface RecordAdapterOptions {
  readonly history: HistorySink
  /** The job id in an envelope; null when the body is not ours. */
  jobOf(body: string): string | null
  /** Told after a delivery was written down, before the worker gets it. */
  delivered?(delivery: { readonly lease: string; readonly job: string | null; readonly body: string }): void
  /** Told after a settlement was answered. */
  settled?(answer: {
    readonly job: string | null
    readonly settle: Settlement['kind']
    readonly result: string
    /** Of a retry or release: how long it stays away. */
    readonly delayMs: number
  }): void
  /** True: do not renew this lease and answer `settled` all the same (the fault `lapse`). */
  forgeRenewal?(lease: string): boolean
}

/**
 * Wraps seam 1 so that every lease is written down: taken, renewed, settled, lost. Written before the call where it can change
 * something, and after it. Changes nothing else; `send` is recorded where the workload calls `enqueue`.
 */
export function recordAdapter<Tx>(factory: AdapterFactory<Tx>, options: RecordAdapterOptions): AdapterFactory<Tx> {
  // Outside: a factory that is opened twice must not give two leases one name.
  let leases = 0
  return async (host) => {
    const inner = await factory(host)
    const recorder = new Recorder(options, host, () => {
      leases += 1
      return `${options.history.proc}.${options.history.epoch}/${leases}`
    })
    return recordedAdapter(inner, recorder)
  }
}

function recordedAdapter<Tx>(inner: Adapter<Tx>, recorder: Recorder): Adapter<Tx> {
  const adapter: Adapter<Tx> = {
    name: inner.name,
    capabilities: inner.capabilities,
    declare: (queue) => inner.declare(queue),
    send: (queue, messages, tx) => inner.send(queue, messages, tx),
    async consume(queue, consumeOptions) {
      const consumer = await inner.consume(queue, {
        ...consumeOptions,
        lost(deliveries) {
          recorder.lost(deliveries)
          consumeOptions.lost(deliveries)
        },
      })
      return recordedConsumer(consumer, queue, recorder)
    },
    stats: (queue) => inner.stats(queue),
    purge: (queue) => inner.purge(queue),
    close: () => inner.close(),
  }
  return inner.browse === undefined ? adapter : { ...adapter, browse: inner.browse.bind(inner) }
}

function recordedConsumer<Tx>(inner: Consumer<Tx>, queue: string, recorder: Recorder): Consumer<Tx> {
  return {
    async receive(max, signal) {
      const deliveries = await inner.receive(max, signal)
      for (const delivery of deliveries) recorder.delivered(queue, delivery)
      return deliveries
    },
    async settle(settlements, tx) {
      for (const settlement of settlements) recorder.asked(settlement)
      const results = await recorder.watch(inner.settle(settlements, tx), settlements.length)
      for (const [index, settlement] of settlements.entries()) recorder.answered(settlement, results.at(index))
      return results.unwrap()
    },
    extend: (deliveries) => recorder.extend(deliveries, (asked) => inner.extend(asked)),
    close: () => inner.close(),
  }
}

/** The answers of one batched call: results in order, or one error for all. */
interface Answers {
  at(index: number): SettleResult
  unwrap(): readonly SettleResult[]
}

class Recorder {
  readonly #options: RecordAdapterOptions
  readonly #host: AdapterHost
  readonly #nextLease: () => string
  readonly #leases = new WeakMap<Delivery, { readonly lease: string; readonly job: string | null }>()

  constructor(options: RecordAdapterOptions, host: AdapterHost, nextLease: () => string) {
    this.#options = options
    this.#host = host
    this.#nextLease = nextLease
  }

  delivered(queue: string, delivery: Delivery): void {
    const known = { lease: this.#nextLease(), job: this.#options.jobOf(delivery.message.body) }
    this.#leases.set(delivery, known)
    const { lapses, message, leasedAt } = delivery
    const ageMs = Math.max(0, this.#host.clock.now() - leasedAt)
    this.#write({ kind: 'deliver', ...known, message: message.id, queue, lapses, ageMs })
    this.#options.delivered?.({ ...known, body: message.body })
  }

  lost(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      // A delivery can be lost before `receive` handed it over; then it never became a lease of ours.
      const known = this.#leases.get(delivery)
      if (known !== undefined) this.#write({ kind: 'lease.lost', ...known, message: delivery.message.id })
    }
  }

  asked(settlement: Settlement): void {
    const { delivery, kind: settle } = settlement
    const to = settlement.kind === 'move' ? settlement.to : null
    this.#write({ kind: 'settle.invoke', ...this.#known(delivery), message: delivery.message.id, settle, to })
  }

  answered(settlement: Settlement, answer: SettleResult): void {
    const { delivery, kind: settle } = settlement
    const message = delivery.message.id
    const known = this.#known(delivery)
    const words = worded(answer)
    this.#write({ kind: 'settle.result', ...known, message, settle, ...words })
    const delayMs = 'delayMs' in settlement ? settlement.delayMs : 0
    this.#options.settled?.({ job: known.job, settle, result: words.result, delayMs })
  }

  async extend(
    deliveries: readonly Delivery[],
    call: (deliveries: readonly Delivery[]) => Promise<readonly SettleResult[]>,
  ): Promise<readonly SettleResult[]> {
    const forged = new Set(deliveries.filter((delivery) => this.#forges(delivery)))
    const asked = deliveries.filter((delivery) => !forged.has(delivery))
    const from = this.#host.clock.now()
    const answers = await this.watch(asked.length === 0 ? Promise.resolve([]) : call(asked), asked.length)
    const tookMs = Math.max(0, this.#host.clock.now() - from)
    for (const delivery of forged) this.#write({ kind: 'extend', ...this.#known(delivery), result: 'forged', tookMs })
    for (const [index, delivery] of asked.entries()) {
      this.#write({ kind: 'extend', ...this.#known(delivery), result: worded(answers.at(index)).result, tookMs })
    }
    const results = answers.unwrap()
    let next = 0
    return deliveries.map((delivery) => (forged.has(delivery) ? 'settled' : (results[next++] as SettleResult)))
  }

  async watch(call: Promise<readonly SettleResult[]>, size: number): Promise<Answers> {
    try {
      const results = await call
      if (results.length !== size) throw new Error(`The adapter answered ${results.length} results for ${size} items.`)
      return { at: (index) => results[index] as SettleResult, unwrap: () => results }
    } catch (error) {
      const shown = error instanceof BrokerErrorClass ? error : unmapped(error)
      return {
        at: () => shown,
        unwrap() {
          throw error
        },
      }
    }
  }

  #forges(delivery: Delivery): boolean {
    const lease = this.#leases.get(delivery)?.lease ?? null
    return lease !== null && (this.#options.forgeRenewal?.(lease) ?? false)
  }

  #known(delivery: Delivery): { readonly lease: string; readonly job: string | null } {
    return this.#leases.get(delivery) ?? { lease: 'unknown', job: this.#options.jobOf(delivery.message.body) }
  }

  #write(fact: HistoryFact): void {
    this.#options.history.write(fact)
  }
}

function worded(answer: SettleResult): {
  readonly result: 'settled' | 'lost' | 'unknown' | 'error'
  readonly error: string | null
} {
  if (answer === 'settled' || answer === 'lost') return { result: answer, error: null }
  return { result: answer.maybeApplied ? 'unknown' : 'error', error: answer.message }
}

/** An adapter may only throw BrokerError; what else it throws says nothing about what was applied. */
function unmapped(cause: unknown): BrokerError {
  return new BrokerErrorClass({
    code: 'unknown',
    adapter: 'recorder',
    message: String(cause),
    maybeApplied: true,
    cause,
  })
}
