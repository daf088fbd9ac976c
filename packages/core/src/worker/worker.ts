import type { Adapter } from '../adapter/adapter.ts'
import { asBrokerError } from '../adapter/guarded.ts'
import type { Priority } from '../adapter/queue-names.ts'
import { laneName } from '../adapter/queue-names.ts'
import { ClosedError, ConfigError, Shutdown } from '../errors.ts'
import type { OnDead } from '../job/define-job.ts'
import type { Handler, JobContext } from '../job/handler.ts'
import type { Emitter } from '../observe/emitter.ts'
import type { Decision } from '../policy/decide.ts'
import { type Opened, UNDECODABLE } from '../policy/settlement.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import { Deadlines } from './deadlines.ts'
import { Demand, type QueueSlots } from './demand.ts'
import { type DrainReport, drained } from './drain.ts'
import { Lane } from './lane.ts'
import { composed } from './middleware.ts'
import type { Run } from './run.ts'
import type { WorkSettings } from './work-options.ts'
import type { WorkerParts } from './worker-parts.ts'

/** Lanes of one queue share its slots by these weights (design.md 4). */
const LANE_WEIGHTS: { readonly [Level in Priority]: number } = { low: 1, normal: 4, high: 16, critical: 64 }

/** What a worker is built from; `yard.work` fills it in. */
export interface WorkerOptions {
  readonly id: string
  readonly adapter: Adapter
  readonly clock: Clock
  readonly log: Logger
  readonly emitter: Emitter
  readonly handlers: readonly Handler[]
  readonly settings: WorkSettings
  /** The priority levels that a queue has. */
  prioritiesOf(queue: string): readonly Priority[]
  leaseMsOf(queue: string): number
  declare(queue: string): Promise<void>
  /** The same although it was done before: the queue is gone. */
  redeclare(queue: string): Promise<void>
  followUp(opened: Opened, decision: Decision, onDead: OnDead): Promise<void>
}

/** How a stop went; what its own failure or loss of the lease ended counts as finished. */
export interface StopReport {
  /** Jobs whose handlers ended within the grace. */
  readonly finished: number
  /** Jobs given back unfinished, to be run again. */
  readonly released: number
  /** Of those, jobs whose handler ignored its signal and still runs. */
  readonly abandoned: number
}

/** Runs handlers for the jobs of its queues until it is stopped. Made by `yard.work`. */
export class Worker implements AsyncDisposable {
  readonly id: string
  readonly #options: WorkerOptions
  readonly #lanes: Lane[] = []
  readonly #demand: Demand
  readonly #deadlines: Deadlines
  readonly #stop = new AbortController()
  #stopped: Promise<StopReport> | null = null
  readonly #ended: PromiseWithResolvers<StopReport> = Promise.withResolvers()
  /** While stopping: when the grace ends, and what wakes those who wait for it when that moves. */
  #graceEndsAt = Number.POSITIVE_INFINITY
  #hurried = new AbortController()
  #started = 0

  constructor(options: WorkerOptions) {
    this.id = options.id
    this.#options = options
    const { clock, settings } = options
    this.#deadlines = new Deadlines(clock)
    const queues: QueueSlots[] = []
    const parts = this.#parts()
    for (const [name, own] of settings.queues) {
      const slots = { name, weight: own.weight, concurrency: own.concurrency, taken: 0, credit: 0, lanes: [] as Lane[] }
      for (const priority of options.prioritiesOf(name)) {
        const lane = new Lane({
          name: laneName(name, priority),
          weight: LANE_WEIGHTS[priority],
          slots,
          prefetch: own.prefetch,
          parts,
          demand: () => this.#demand,
        })
        slots.lanes.push(lane)
        this.#lanes.push(lane)
      }
      queues.push(slots)
    }
    this.#demand = new Demand({ clock, concurrency: settings.concurrency, queues })
  }

  /** Declares the queues, opens the consumers and begins. Rejects, with everything closed, when any of that fails. */
  async start(): Promise<void> {
    const { settings, emitter, declare } = this.#options
    try {
      for (const queue of settings.queues.keys()) await declare(queue)
      for (const lane of this.#lanes) await lane.start()
      if (this.#stopped !== null) throw new ClosedError('this worker was stopped before it had started', {})
    } catch (error) {
      await Promise.all(this.#lanes.map((lane) => lane.close().catch(() => {})))
      throw error
    }
    emitter.emit('worker.started', {
      workerId: this.id,
      queues: [...settings.queues.keys()],
      concurrency: settings.concurrency,
    })
    this.#demand.pump()
  }

  /** Resolves when the worker has stopped, whoever stopped it: a program awaits this to stay until then. */
  get stopped(): Promise<StopReport> {
    return this.#ended.promise
  }

  /** Jobs whose handlers run now. */
  get running(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.runs.size, 0)
  }

  /**
   * Runs until every queue is empty (ready, delayed and leased, dead queues aside), then stops. Waits while the broker is
   * away; ends early, with `aborted`, when the signal aborts or the worker is stopped.
   */
  async drain(options: { readonly signal?: AbortSignal } = {}): Promise<DrainReport> {
    const { adapter, clock } = this.#options
    if (this.#stopped !== null) throw new ClosedError('this worker is stopped: it cannot drain', {})
    const names = this.#lanes.map((lane) => lane.name)
    const report = await drained({
      adapter,
      clock,
      queues: names,
      running: () => this.running,
      started: () => this.#started,
      signals: [this.#stop.signal, ...(options.signal === undefined ? [] : [options.signal])],
    })
    await this.stop()
    return report
  }

  /**
   * Graceful stop: no new jobs; running ones may finish within `graceMs`; then their signals abort with Shutdown; after the
   * abort grace what still runs is released without using an attempt. Idempotent; a second call may only hurry. Ends
   * within graceMs, the abort grace and two calls to the broker. Rejects with ConfigError for a grace that is no duration.
   */
  async stop(options: { readonly graceMs?: number } = {}): Promise<StopReport> {
    const { clock, settings } = this.#options
    const graceMs = options.graceMs ?? settings.stopGraceMs
    if (!(graceMs >= 0)) {
      throw new ConfigError('stop: graceMs must be a number of milliseconds >= 0', { option: 'graceMs' })
    }
    const endsAt = clock.now() + graceMs
    if (this.#stopped === null || (options.graceMs !== undefined && endsAt < this.#graceEndsAt)) {
      this.#graceEndsAt = endsAt
      this.#hurried.abort()
      this.#hurried = new AbortController()
    }
    if (this.#stopped === null) {
      this.#stopped = this.#stopNow(graceMs)
      this.#stopped.then(this.#ended.resolve, this.#ended.reject)
      // Whoever called stop is told; nobody has to look at `stopped` as well.
      this.#ended.promise.catch(() => {})
    }
    return this.#stopped
  }

  async #stopNow(graceMs: number): Promise<StopReport> {
    const { clock, emitter, settings } = this.#options
    const running = this.running
    emitter.emit('worker.stopping', { workerId: this.id, running, graceMs })
    for (const lane of this.#lanes) lane.stopTaking()
    this.#stop.abort()
    this.#demand.stop()
    const quiet = Promise.all(this.#lanes.map((lane) => lane.quiet()))
    let late: readonly Run[] = []
    let abandoned = 0
    if (!(await this.#within(quiet, () => this.#graceEndsAt))) {
      late = this.#runs()
      for (const run of late)
        run.abort(new Shutdown('the worker stops and its grace is over: end soon, the job will be run again'))
      const abortGraceEndsAt = clock.now() + settings.abortGraceMs
      if (!(await this.#within(quiet, () => abortGraceEndsAt))) {
        const deaf = this.#runs().filter((run) => !run.handlerEnded)
        abandoned = deaf.length
        for (const run of deaf) run.abandon()
      }
    }
    this.#deadlines.stop()
    await Promise.all(this.#lanes.map((lane) => this.#close(lane)))
    const released = late.filter((run) => run.interrupted).length
    emitter.emit('worker.stopped', { workerId: this.id, released, abandoned })
    return { finished: running - released, released, abandoned }
  }

  /** A close that fails is told; leases end by themselves. */
  async #close(lane: Lane): Promise<void> {
    const { adapter, emitter } = this.#options
    try {
      await lane.close()
    } catch (error) {
      const { code, message } = asBrokerError(error, adapter.name, lane.name)
      emitter.emit('broker.fault', { broker: adapter.name, code, message })
    }
  }

  /** Whether `work` ended before the moment that `until` names, which may be moved forward meanwhile. */
  async #within(work: Promise<unknown>, until: () => number): Promise<boolean> {
    const { clock } = this.#options
    let done = false
    const wake = new AbortController()
    void work.then(() => {
      done = true
      wake.abort()
    })
    while (!done && clock.now() < until()) {
      await clock.sleep(until() - clock.now(), AbortSignal.any([wake.signal, this.#hurried.signal]))
    }
    // What ended at this very moment has ended in time.
    await Promise.resolve()
    return done
  }

  #runs(): Run[] {
    return this.#lanes.flatMap((lane) => [...lane.runs.values()])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop().then(() => {})
  }

  #parts(): WorkerParts {
    const { adapter, clock, emitter, log, settings, handlers, leaseMsOf, redeclare, followUp } = this.#options
    const invokeComposed = composed(settings.middleware)
    const workerId = this.id
    const factsOf = (opened: Opened) => ({
      jobId: opened.envelope?.id ?? opened.delivery.message.id,
      job: opened.envelope?.job ?? UNDECODABLE,
      queue: opened.queue,
      correlationId: opened.envelope?.correlationId ?? opened.envelope?.id ?? opened.delivery.message.id,
      attempt: opened.note.attempts + 1,
      lapses: opened.delivery.lapses,
      workerId,
    })
    return {
      adapter,
      clock,
      emitter,
      handlers: new Map(handlers.map((handler) => [handler.definition.name, handler])),
      stopSignal: this.#stop.signal,
      leaseMsOf,
      redeclare,
      stalled: (stalledMs, runs) => {
        const jobs = [...new Set(runs.map((run) => run.handler.definition.name))]
        emitter.emit('worker.stalled', { workerId, stalledMs, jobs })
      },
      servicesFor: (lane) => ({
        ...lane,
        clock,
        log,
        emitter,
        settings,
        broker: adapter.name,
        capabilities: adapter.capabilities,
        deadlines: this.#deadlines,
        factsOf,
        followUp,
        invoke: (handler: Handler, payload: unknown, context: JobContext) => {
          this.#started += 1
          return invokeComposed(handler, payload, context)
        },
      }),
    }
  }
}
