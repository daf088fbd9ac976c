import type { Adapter, SendResult } from '../adapter/adapter.ts'
import type { BrokerError } from '../adapter/broker-error.ts'
import { ConfigError, EnqueueError } from '../errors.ts'
import type { AnyJob } from '../job/define-job.ts'
import type { Emitter } from '../observe/emitter.ts'
import type { QueuePlan } from '../policy/queue-plan.ts'
import type { Clock } from '../runtime/clock.ts'
import { uuidV7Source } from '../runtime/uuid.ts'
import { buildMessage, type Outgoing } from './build-message.ts'
import type { EnqueueOptions } from './enqueue-options.ts'
import { SendBatcher, sendAll } from './send-batcher.ts'

/** What an accepted enqueue answers. */
export interface Enqueued {
  readonly jobId: string
  /** `duplicate`: the broker already had it and stored nothing. Where `reportsDuplicates` is false it cannot be told. */
  readonly status: 'accepted' | 'duplicate'
}

/** What happened to one item of `enqueueMany`. `jobId` is null when no id could be made (payload refused). */
export type EnqueueManyResult =
  | Enqueued
  | { readonly jobId: string | null; readonly status: 'failed'; readonly error: Error }

/** Sends jobs. */
export class Producer<Tx> {
  readonly #adapter: Adapter<Tx>
  readonly #emitter: Emitter
  readonly #clock: Clock
  readonly #plans: ReadonlyMap<string, QueuePlan>
  readonly #known: ReadonlyMap<string, AnyJob>
  readonly #declare: (queue: string) => Promise<void>
  readonly #newId: () => string
  readonly #batcher: SendBatcher

  constructor(parts: {
    readonly adapter: Adapter<Tx>
    readonly emitter: Emitter
    readonly clock: Clock
    readonly plans: ReadonlyMap<string, QueuePlan>
    readonly known: ReadonlyMap<string, AnyJob>
    readonly declare: (queue: string) => Promise<void>
  }) {
    this.#adapter = parts.adapter
    this.#emitter = parts.emitter
    this.#clock = parts.clock
    this.#plans = parts.plans
    this.#known = parts.known
    this.#declare = parts.declare
    this.#newId = uuidV7Source(parts.clock)
    this.#batcher = new SendBatcher(parts.adapter as Adapter)
  }

  async enqueue(definition: AnyJob, payload: unknown, options: EnqueueOptions<Tx>): Promise<Enqueued> {
    const outgoing = await this.#build(definition, payload, options)
    await this.#declare(definition.queue)
    const { tx } = options
    const result =
      tx === undefined
        ? await this.#batcher.send(outgoing.lane, outgoing.message)
        : (await sendAll(this.#adapter, outgoing.lane, [outgoing.message], tx))[0]
    return this.#answer(outgoing, result)
  }

  async enqueueMany(
    definition: AnyJob,
    items: readonly ({ readonly payload: unknown } & EnqueueOptions<Tx>)[],
  ): Promise<readonly EnqueueManyResult[]> {
    const built: (Outgoing | Error)[] = []
    const byTx = new Map<Tx | undefined, number[]>()
    for (const [index, { payload, ...options }] of items.entries()) {
      try {
        built.push(await this.#build(definition, payload, options as EnqueueOptions<Tx>))
        const group = byTx.get(options.tx)
        if (group === undefined) byTx.set(options.tx, [index])
        else group.push(index)
      } catch (error) {
        built.push(error as Error)
      }
    }
    const results: EnqueueManyResult[] = built.map((one) =>
      one instanceof Error
        ? { jobId: null, status: 'failed', error: one }
        : { jobId: one.envelope.id, status: 'failed', error: new Error('not sent') },
    )
    if (byTx.size > 0) await this.#declare(definition.queue)
    for (const [tx, indexes] of byTx) {
      const outgoing = indexes.map((index) => built[index] as Outgoing)
      const lane = outgoing[0]?.lane ?? definition.queue
      const messages = outgoing.map((one) => one.message)
      const sent = await sendAll(this.#adapter, lane, messages, tx)
      for (const [position, index] of indexes.entries()) {
        const one = outgoing[position] as Outgoing
        try {
          results[index] = this.#answer(one, sent[position])
        } catch (error) {
          results[index] = { jobId: one.envelope.id, status: 'failed', error: error as Error }
        }
      }
    }
    return results
  }

  #build(definition: AnyJob, payload: unknown, options: EnqueueOptions<Tx>): Outgoing | Promise<Outgoing> {
    const plan = this.#plans.get(definition.queue)
    if (this.#known.get(definition.name) !== definition || plan === undefined) {
      throw new ConfigError(
        `enqueue of ${JSON.stringify(definition?.name)}: this definition was not given to connect({ jobs }), so it was not ` +
          'checked against the broker; add it there',
        { job: String(definition?.name), option: 'jobs' },
      )
    }
    return buildMessage(definition, payload, options, {
      broker: this.#adapter.name,
      capabilities: this.#adapter.capabilities,
      plan,
      now: () => this.#clock.now(),
      newId: this.#newId,
    })
  }

  #answer(outgoing: Outgoing, result: SendResult | undefined): Enqueued {
    const { id, job, queue, correlationId } = outgoing.envelope
    if (result !== 'accepted' && result !== 'duplicate') throw this.#unsent(outgoing, result)
    if (this.#emitter.wanted('job.enqueued')) {
      this.#emitter.emit('job.enqueued', { jobId: id, job, queue, correlationId: correlationId ?? id, status: result })
    }
    return { jobId: id, status: result }
  }

  #unsent(outgoing: Outgoing, error: BrokerError | undefined): EnqueueError {
    const { id, job, queue } = outgoing.envelope
    const maybeApplied = error?.maybeApplied ?? true
    const wayOut = maybeApplied
      ? `it may be stored nevertheless: enqueue again with { id: ${JSON.stringify(id)} }`
      : 'nothing was stored'
    return new EnqueueError(
      `job ${JSON.stringify(job)} was not confirmed: ${error?.message ?? 'no answer'}; ${wayOut}`,
      { job, queue, broker: this.#adapter.name, jobId: id },
      { maybeApplied, retryable: error?.retryable ?? true },
      error,
    )
  }
}
