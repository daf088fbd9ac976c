import type { Adapter, SendResult } from '../adapter/adapter.ts'
import { BrokerError } from '../adapter/broker-error.ts'
import { asBrokerError } from '../adapter/guarded.ts'
import { ConfigError, EnqueueError } from '../errors.ts'
import type { AnyJob } from '../job/define-job.ts'
import type { Emitter } from '../observe/emitter.ts'
import type { QueuePlan } from '../policy/queue-plan.ts'
import type { Clock } from '../runtime/clock.ts'
import { uuidV7Source } from '../runtime/uuid.ts'
import { buildMessage, type Outgoing } from './build-message.ts'
import type { EnqueueOptions } from './enqueue-options.ts'
import { MOST_PER_SEND, SendBatcher, sendAll } from './send-batcher.ts'

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
  readonly #forget: (queue: string) => void
  readonly #inFlight = new Set<Promise<unknown>>()
  readonly #newId: () => string
  readonly #batcher: SendBatcher

  constructor(parts: {
    readonly adapter: Adapter<Tx>
    readonly emitter: Emitter
    readonly clock: Clock
    readonly plans: ReadonlyMap<string, QueuePlan>
    readonly known: ReadonlyMap<string, AnyJob>
    readonly declare: (queue: string) => Promise<void>
    /** The queue is gone: declare it again next time. */
    readonly forget: (queue: string) => void
  }) {
    this.#adapter = parts.adapter
    this.#emitter = parts.emitter
    this.#clock = parts.clock
    this.#plans = parts.plans
    this.#known = parts.known
    this.#declare = parts.declare
    this.#forget = parts.forget
    this.#newId = uuidV7Source(parts.clock)
    this.#batcher = new SendBatcher(parts.adapter as Adapter)
  }

  /** Resolves when no send is in flight. */
  async idle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight)
  }

  async enqueue(definition: AnyJob, payload: unknown, options: EnqueueOptions<Tx>): Promise<Enqueued> {
    const built = this.#build(definition, payload, options)
    // What the caller changes from here on changes nothing: a synchronous schema has had its text made.
    const outgoing = built instanceof Promise ? await built : built
    const sending = this.#send(definition.queue, outgoing, options.tx)
    this.#inFlight.add(sending)
    try {
      return this.#answer(outgoing, await sending)
    } finally {
      this.#inFlight.delete(sending)
    }
  }

  async #send(queue: string, outgoing: Outgoing, tx: Tx | undefined): Promise<SendResult | undefined> {
    const refused = await this.#declared(queue)
    if (refused !== null) return refused
    if (tx === undefined) return this.#batcher.send(outgoing.lane, outgoing.message)
    return (await sendAll(this.#adapter, outgoing.lane, [outgoing.message], tx))[0]
  }

  /** Null when the queue exists; otherwise why nothing can have been stored. */
  async #declared(queue: string): Promise<BrokerError | null> {
    try {
      await this.#declare(queue)
      return null
    } catch (error) {
      const { code, adapter, message, retryable, maybeApplied } = asBrokerError(error, this.#adapter.name, queue)
      return new BrokerError({
        code,
        adapter,
        queue,
        retryable: retryable || maybeApplied,
        message: `the queue could not be declared, so nothing was sent: ${message}`,
        cause: error,
      })
    }
  }

  async enqueueMany(
    definition: AnyJob,
    items: readonly ({ readonly payload: unknown } & EnqueueOptions<Tx>)[],
  ): Promise<readonly EnqueueManyResult[]> {
    const results: EnqueueManyResult[] = []
    const groups = new Map<Tx | undefined, { readonly index: number; readonly outgoing: Outgoing }[]>()
    for (const [index, { payload, ...options }] of items.entries()) {
      try {
        const outgoing = await this.#build(definition, payload, options as EnqueueOptions<Tx>)
        const group = groups.get(options.tx)
        if (group === undefined) groups.set(options.tx, [{ index, outgoing }])
        else group.push({ index, outgoing })
      } catch (error) {
        results[index] = { jobId: null, status: 'failed', error: asError(error) }
      }
    }
    const sending = this.#sendGroups(definition, groups, results)
    this.#inFlight.add(sending)
    await sending.finally(() => this.#inFlight.delete(sending))
    return results
  }

  async #sendGroups(
    definition: AnyJob,
    groups: ReadonlyMap<Tx | undefined, readonly { readonly index: number; readonly outgoing: Outgoing }[]>,
    results: EnqueueManyResult[],
  ): Promise<void> {
    const refused = groups.size === 0 ? null : await this.#declared(definition.queue)
    for (const [tx, group] of groups) {
      for (let from = 0; from < group.length; from += MOST_PER_SEND) {
        const part = group.slice(from, from + MOST_PER_SEND)
        const messages = part.map(({ outgoing }) => outgoing.message)
        const lane = part[0]?.outgoing.lane ?? definition.queue
        const sent = refused === null ? await sendAll(this.#adapter, lane, messages, tx) : null
        for (const [position, { index, outgoing }] of part.entries()) {
          try {
            results[index] = this.#answer(outgoing, sent === null ? (refused ?? undefined) : sent[position])
          } catch (error) {
            results[index] = { jobId: outgoing.envelope.id, status: 'failed', error: asError(error) }
          }
        }
      }
    }
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
    if (error?.code === 'not-found') this.#forget(queue)
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

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`a thrown ${typeof thrown}`, { cause: thrown })
}
