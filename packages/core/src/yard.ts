import type { Adapter, BrowsedMessage, QueueStats } from './adapter/adapter.ts'
import type { Capabilities } from './adapter/capabilities.ts'
import { deadName, laneName, type Priority } from './adapter/queue-names.ts'
import { DeadLetters } from './client/dead-letters.ts'
import type { EnqueueOptions } from './client/enqueue-options.ts'
import { followUp } from './client/follow-up.ts'
import { type Enqueued, type EnqueueManyResult, Producer } from './client/producer.ts'
import { ClosedError, ConfigError, NotFoundError, UnsupportedError } from './errors.ts'
import type { AnyJob, JobDefinition } from './job/define-job.ts'
import { decodeEnvelope } from './job/envelope.ts'
import type { Handler } from './job/handler.ts'
import type { Json } from './job/json-text.ts'
import type { Emitter, Unsubscribe } from './observe/emitter.ts'
import type { YardEventName, YardEvents } from './observe/events.ts'
import { decodeNote } from './policy/note.ts'
import { type QueuePlan, specsOf } from './policy/queue-plan.ts'
import { UNDECODABLE } from './policy/settlement.ts'
import type { Clock } from './runtime/clock.ts'
import type { Logger } from './runtime/logger.ts'
import { type WorkOptions, workSettings } from './worker/work-options.ts'
import { Worker } from './worker/worker.ts'

/** Figures of one queue: each of its lanes, and its dead queue. */
export interface YardQueueStats {
  readonly queue: string
  readonly lanes: readonly { readonly priority: Priority; readonly stats: QueueStats }[]
  readonly dead: QueueStats
}

/** What a yard is made of; `connect` fills it in. */
export interface YardParts<Tx> {
  readonly adapter: Adapter<Tx>
  readonly jobs: readonly AnyJob[]
  readonly plans: ReadonlyMap<string, QueuePlan>
  readonly clock: Clock
  readonly log: Logger
  readonly emitter: Emitter
}

/** A job that waits, as `peek` shows it. */
export interface PeekedJob {
  readonly jobId: string
  readonly job: string
  readonly queue: string
  readonly payload: Json
  readonly key: string | null
  /** Epoch ms; null where unknown. */
  readonly dueAt: number | null
  readonly attempts: number
  readonly lapses: number | null
}

function peeked(seen: BrowsedMessage, queue: string): PeekedJob {
  const attempts = decodeNote(seen.note)?.attempts ?? 0
  const { dueAt, lapses, message } = seen
  try {
    const { id, job, payload, key } = decodeEnvelope(message.body)
    return { jobId: id, job, queue, payload, key: key ?? null, dueAt, attempts, lapses }
  } catch {
    // One foreign body must not hide the others; a worker will bury it.
    return { jobId: message.id, job: UNDECODABLE, queue, payload: null, key: null, dueAt, attempts, lapses }
  }
}

let workersMade = 0

/** One open broker with its checked definitions: enqueue, work, dead letters, figures. Made by `connect`. */
export class Yard<Tx = never> implements AsyncDisposable {
  /** Review, replay and discard of dead letters. */
  readonly deadLetters: DeadLetters
  readonly #parts: YardParts<Tx>
  readonly #producer: Producer<Tx>
  readonly #declared = new Map<string, Promise<void>>()
  readonly #workers = new Set<Worker>()
  #closed: Promise<void> | null = null

  constructor(parts: YardParts<Tx>) {
    this.#parts = parts
    const { adapter, clock, emitter, plans, jobs } = parts
    const declare = (queue: string) => this.#declare(queue)
    const known = new Map(jobs.map((job) => [job.name, job]))
    const forget = (queue: string) => void this.#declared.delete(queue)
    this.#producer = new Producer({ adapter, emitter, clock, plans, known, declare, forget })
    this.deadLetters = new DeadLetters({ adapter: adapter as Adapter, clock, emitter, plans, declare })
  }

  /** The adapter's word for the broker: `sqlite`, `redis`, … */
  get broker(): string {
    return this.#parts.adapter.name
  }

  /** What this broker keeps. */
  get capabilities(): Capabilities {
    return this.#parts.adapter.capabilities
  }

  /** The queues that definitions and options name. */
  get queues(): readonly QueuePlan[] {
    return [...this.#parts.plans.values()]
  }

  /** The clock that everything here goes by; a test's fake one, or the system's. */
  get clock(): Clock {
    return this.#parts.clock
  }

  get jobs(): readonly AnyJob[] {
    return this.#parts.jobs
  }

  /** Listens to one kind of event (see YardEvents); returns a function that stops. */
  on<Name extends YardEventName>(name: Name, listener: (event: YardEvents[Name]) => void): Unsubscribe {
    return this.#parts.emitter.on(name, listener)
  }

  /**
   * Sends one job; resolves when the broker has it as durably as it declares. Throws ConfigError, UnsupportedError,
   * InvalidPayloadError or PayloadTooLargeError before any I/O, EnqueueError (with `jobId` and `maybeApplied`) after.
   */
  async enqueue<Input, Output>(
    definition: JobDefinition<Input, Output>,
    payload: NoInfer<Input>,
    options: EnqueueOptions<Tx> = {},
  ): Promise<Enqueued> {
    this.#open()
    return this.#producer.enqueue(definition, payload, options)
  }

  /** Sends many jobs of one definition; one result per item, in order. Never throws for a single item. */
  async enqueueMany<Input, Output>(
    definition: JobDefinition<Input, Output>,
    items: readonly ({ readonly payload: NoInfer<Input> } & EnqueueOptions<Tx>)[],
  ): Promise<readonly EnqueueManyResult[]> {
    this.#open()
    return this.#producer.enqueueMany(definition, items)
  }

  /** Starts a worker for the queues of these handlers. */
  async work(handlers: readonly Handler[], options: WorkOptions = {}): Promise<Worker> {
    this.#open()
    const { adapter, clock, log, emitter, plans, jobs } = this.#parts
    const settings = workSettings(handlers, options)
    for (const { definition } of handlers) {
      if (jobs.includes(definition)) continue
      throw new ConfigError(
        `work: the definition of ${JSON.stringify(definition.name)} was not given to connect({ jobs }), so it was not checked against the broker`,
        { job: definition.name, option: 'jobs' },
      )
    }
    workersMade += 1
    const worker = new Worker({
      id: options.id ?? `worker-${process.pid}-${workersMade}`,
      adapter: adapter as Adapter,
      clock,
      log,
      emitter,
      handlers,
      settings,
      prioritiesOf: (queue) => plans.get(queue)?.priorities ?? ['normal'],
      leaseMsOf: (queue) => this.#plan(queue).leaseMs,
      declare: (queue) => this.#declare(queue),
      redeclare: (queue) => {
        this.#declared.delete(queue)
        return this.#declare(queue)
      },
      followUp: (opened, decision, onDead) =>
        followUp({ producer: this.#producer, emitter, clock, broker: this.broker }, { opened, decision, onDead }),
    })
    this.#workers.add(worker)
    const forget = () => void this.#workers.delete(worker)
    worker.stopped.then(forget, forget)
    try {
      await worker.start()
    } catch (error) {
      this.#workers.delete(worker)
      throw error
    }
    return worker
  }

  /** Figures of one queue, or NotFoundError. */
  async stats(queue: string): Promise<YardQueueStats> {
    this.#open()
    const { adapter } = this.#parts
    const plan = this.#plan(queue)
    await this.#declare(queue)
    const lanes = await Promise.all(
      plan.priorities.map(async (priority) => ({ priority, stats: await adapter.stats(laneName(queue, priority)) })),
    )
    return { queue, lanes, dead: await adapter.stats(deadName(queue)) }
  }

  /** Jobs that wait, seen without taking them; UnsupportedError where the broker has no browse. At most `limit` per lane. */
  async peek(
    queue: string,
    options: { readonly state?: 'ready' | 'delayed' | 'leased'; readonly limit?: number } = {},
  ): Promise<readonly PeekedJob[]> {
    this.#open()
    const { adapter } = this.#parts
    const plan = this.#plan(queue)
    const { browse } = adapter
    if (browse === undefined) {
      throw new UnsupportedError(
        `peek on ${adapter.name}: the broker cannot show what waits (${adapter.capabilities.browse.why}); use stats, or events`,
        { broker: adapter.name, queue },
      )
    }
    await this.#declare(queue)
    const page = { state: options.state ?? 'ready', cursor: null, limit: options.limit ?? 100 }
    const lanes = await Promise.all(plan.priorities.map((level) => browse(laneName(queue, level), page)))
    return lanes.flatMap((lane) => lane.messages.map((seen) => peeked(seen, queue)))
  }

  /** Stops the workers gracefully, lets sends in flight end, and closes the connection. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#closeNow()
    return this.#closed
  }

  /** The same as `close`, for stopOnSignals. */
  stop(): Promise<void> {
    return this.close()
  }

  async #closeNow(): Promise<void> {
    try {
      await Promise.all([...this.#workers].map((worker) => worker.stop()))
      await this.#producer.idle()
    } finally {
      await this.#parts.adapter.close()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(): void {
    if (this.#closed !== null)
      throw new ClosedError(`this connection to ${this.broker} is closed`, { broker: this.broker })
  }

  #plan(queue: string): QueuePlan {
    const plan = this.#parts.plans.get(queue)
    if (plan !== undefined) return plan
    throw new NotFoundError(
      `queue ${JSON.stringify(queue)} is not known; known: ${[...this.#parts.plans.keys()].join(', ') || 'none'}`,
      { queue, option: 'queue' },
    )
  }

  /** Declares a queue once; a failed declaration is tried again by the next caller. */
  #declare(queue: string): Promise<void> {
    const before = this.#declared.get(queue)
    if (before !== undefined) return before
    const declaring = this.#declareNow(queue)
    this.#declared.set(queue, declaring)
    declaring.catch(() => {
      if (this.#declared.get(queue) === declaring) this.#declared.delete(queue)
    })
    return declaring
  }

  async #declareNow(queue: string): Promise<void> {
    for (const spec of specsOf(this.#plan(queue))) await this.#parts.adapter.declare(spec)
  }
}
