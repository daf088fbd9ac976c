import { resolve } from 'node:path'
import type { HistoryFact, HistoryWriter } from '@switchyard/conformance/history'
import { systemClock } from '@switchyard/core'
import { type Adapter, BrokerError, type Clock } from '@switchyard/core/adapter'
import type { ChaosApp, ChaosSinks } from '../app/chaos-app.ts'
import type { Plan } from '../plan/plan.ts'
import type { ChildMessage } from '../worker/control-messages.ts'
import { readEnvelope } from '../worker/execution-recorder.ts'
import { ChaosError } from './chaos-error.ts'
import type { ChildLife } from './child-life.ts'
import { effectRecorder, startLedger } from './effect-ledger.ts'
import { FaultSquad } from './fault-squad.ts'
import type { Fleet, FleetOptions } from './fleet.ts'
import { type Inside, InsideFleet } from './inside-fleet.ts'
import { JobTally } from './job-tally.ts'
import type { ChaosOptions } from './run-chaos.ts'
import type { RunProgress } from './run-progress.ts'
import { agreedCensus, countOf, type QueueCensus, queuesOf } from './take-census.ts'
import { WorkerFleet } from './worker-fleet.ts'

/** Grace of a graceful stop in a run; small, since leases are small. */
export const STOP_GRACE_MS = 4_000

/** Time after that for handlers that were told to abort. */
export const ABORT_GRACE_MS = 1_000

const POLL_MS = 150

/** Longest time that a stopped worker may take for the rest: closing its connections, ending its process. */
const RETURN_MS = 5_000

/** From the start to rest, and more for each outage. */
const DEADLINE_MS = 180_000
const OUTAGE_MS = 45_000

/** The producer stays this close to the workers, where it may not run ahead. */
const WINDOW = 120
const INSIDE_WINDOW = 40
/** So many enqueues are let go at the moment of a kill. */
const BURST = 12

/** Longest wait that is planned for a lapse; an adapter may declare far more for connections that vanish silently. */
const MOST_LAPSE_MS = 4_000

/** What a harness works with; `runChaos` fills it in. */
export interface HarnessParts {
  readonly options: ChaosOptions
  readonly app: ChaosApp
  readonly plan: Plan
  readonly adapter: Adapter
  readonly writer: HistoryWriter
  readonly historyDir: string
  readonly startedAt: number
  /** File URL of the app's module. */
  readonly appUrl: string
  /** Set when the broker lives in this process, and with it everybody who uses it. */
  readonly inside: Inside | null
}

/** One run in progress: processes, faults, rest and census. It judges nothing. */
export class Harness {
  readonly #parts: HarnessParts
  readonly #clock: Clock = systemClock
  readonly #squad: FaultSquad
  readonly #failure = new AbortController()
  readonly #tally = new JobTally()
  #fleet: Fleet | null = null
  #phase: RunProgress['phase'] = 'warm'
  #produced = false

  constructor(parts: HarnessParts) {
    this.#parts = parts
    const { plan, writer: history, adapter, options } = parts
    const { lease, maxLapseLateMs } = adapter.capabilities
    this.#squad = new FaultSquad({
      plan,
      history,
      clock: this.#clock,
      fleet: () => this.#fleet as Fleet,
      broker: options.server ?? null,
      holdOverOutage: lease.value === 'connection',
      lapseWithinMs: plan.sizes.leaseMs + Math.min(MOST_LAPSE_MS, maxLapseLateMs.value),
      onBrokerDown: () => this.#tellDone(BURST),
      onTrouble: (error) => this.#fail(error),
    })
  }

  async run(): Promise<void> {
    const { app, options, plan, writer } = this.#parts
    const recorder = effectRecorder(writer, (effect) => this.#squad.applied(effect))
    const ledger = await startLedger(recorder)
    const sinks = (await app.startSinks?.({ recorder, dir: options.dir })) ?? NO_SINKS
    const fleet = this.#startFleet(ledger.url, sinks)
    const interrupt = (signal: NodeJS.Signals): void => {
      this.#fail(new ChaosError('harness', `interrupted by ${signal}`))
    }
    const onAbort = (): void => this.#fail(options.signal?.reason)
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
    options.signal?.addEventListener('abort', onAbort)
    if (options.signal?.aborted) onAbort()
    try {
      this.#mark('warm')
      for (let number = 1; number <= plan.sizes.workers; number += 1) fleet.start(`worker-${number}`)
      const producing = fleet.produce().then(() => {
        this.#produced = true
      })
      await this.#rest()
      await producing
      this.#mark('heal')
      this.#phase = 'heal'
      await fleet.retire(this.#clock, STOP_GRACE_MS + ABORT_GRACE_MS + RETURN_MS)
      await fleet.end()
      await this.#squad.outageOver()
      await this.#census()
      await sinks.finish?.(recorder)
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
      options.signal?.removeEventListener('abort', onAbort)
      await fleet.end()
      await Promise.all([ledger.close(), sinks.close()])
    }
  }

  /**
   * Outages shall meet the producer too; and memory puts a lapsed job behind everything that waits, so that its second delivery
   * would come after its first handler was given up.
   */
  get #window(): number | null {
    if (this.#parts.inside !== null) return INSIDE_WINDOW
    return this.#parts.plan.sizes.brokerKills > 0 ? WINDOW : null
  }

  #startFleet(ledgerUrl: string, sinks: ChaosSinks): Fleet {
    const { options, plan, writer, historyDir, appUrl } = this.#parts
    const { seed, sizes } = plan
    const { jobs, concurrency, leaseMs } = sizes
    const given: FleetOptions = {
      history: writer,
      env: sinks.env,
      orders: {
        dir: resolve(historyDir),
        app: appUrl,
        variant: options.variant,
        broker: options.broker,
        ledgerUrl,
        seed,
        jobs,
        concurrency,
        leaseMs,
        stopGraceMs: STOP_GRACE_MS,
        abortGraceMs: ABORT_GRACE_MS,
        window: this.#window,
      },
      onMessage: (life, message) => this.#hear(life, message),
      onExit: (life) => this.#gone(life),
      onTrouble: (error) => this.#fail(error),
    }
    this.#fleet = this.#parts.inside === null ? new WorkerFleet(given) : new InsideFleet(given, this.#parts.inside)
    return this.#fleet
  }

  #hear(life: ChildLife, message: ChildMessage): void {
    if (message.t === 'at') {
      if (message.point === 'start') this.#tally.started(message.job)
      this.#squad.arrived(life, message)
    } else if (message.t === 'ended') {
      life.settling.add(message.job)
      this.#squad.ended(life, message.execution)
    } else if (message.t === 'ready') life.ready = true
    else if (message.t === 'enqueued') this.#tally.accepted(message.result === 'ok' ? message.job : null)
    else if (message.t === 'settled') {
      life.settling.delete(message.job)
      this.#tally.settled(message, this.#clock.now())
      this.#tellDone(0)
    }
    if (this.#phase === 'warm' && this.#squad.struck) {
      this.#phase = 'chaos'
      this.#mark('chaos')
    }
  }

  /** Lets the producer go on. */
  #tellDone(more: number): void {
    if (this.#window === null) return
    const producer = [...(this.#fleet?.lives ?? [])].find((life) => life.proc === 'producer')
    if (producer !== undefined) this.#fleet?.send(producer, { t: 'done', done: this.#tally.done + more })
  }

  #gone(life: ChildLife): void {
    this.#tally.orphaned(life.settling)
    for (const release of [...life.holding.values()]) release()
    life.active.clear()
    this.#tell()
  }

  #fail(reason: unknown): void {
    if (this.#failure.signal.aborted) return
    this.#failure.abort(reason ?? new ChaosError('harness', 'stopped'))
  }

  /** Everything enqueued, nothing left in a queue, nobody frozen or held; and still so a lease later, so that zombies have woken. */
  async #rest(): Promise<void> {
    const { options, plan, adapter, app, startedAt } = this.#parts
    const deadline = startedAt + (options.deadlineMs ?? DEADLINE_MS + OUTAGE_MS * plan.sizes.brokerKills)
    const queues = [...queuesOf(app.jobs)].filter(([, role]) => role === 'queue').map(([queue]) => queue)
    let quietSince: number | null = null
    for (;;) {
      await this.#clock.sleep(POLL_MS, this.#failure.signal)
      if (this.#failure.signal.aborted) throw this.#failure.signal.reason
      this.#tell()
      const now = this.#clock.now()
      if (now > deadline) return this.#mark('deadline')
      const busy = [...(this.#fleet?.lives ?? [])].some((life) => life.active.size > 0 || life.frozen || life.held > 0)
      const empty = this.#produced && !busy && !this.#squad.brokerDown ? await this.#empty(adapter, queues) : 'no'
      if (empty === 'no') quietSince = null
      else {
        quietSince ??= now
        const certain = quietSince + plan.sizes.leaseMs * 1.25
        if (now >= (empty === 'yes' ? certain : Math.max(certain, this.#tally.restAt(quietSince)))) return
      }
    }
  }

  /** `perhaps`: nothing that the broker can count is there, but it does not count everything, or not exactly. */
  async #empty(adapter: Adapter, queues: readonly string[]): Promise<'yes' | 'no' | 'perhaps'> {
    let exact = true
    for (const queue of queues) {
      try {
        const counted = await countOf(adapter, queue)
        if (counted.count !== 0) return 'no'
        exact &&= counted.exact
      } catch (error) {
        // A broker that is just coming back; one that stays away ends at the deadline.
        if (error instanceof BrokerError && error.retryable) return 'no'
        throw error
      }
    }
    return exact ? 'yes' : 'perhaps'
  }

  /** What is left, in every queue at once. */
  async #census(): Promise<void> {
    this.#phase = 'census'
    this.#mark('census')
    const { adapter, app, writer } = this.#parts
    const jobOf = (body: string): string | null => readEnvelope(body)?.job ?? null
    const write = (fact: QueueCensus): void => {
      writer.write(fact)
      this.#tell()
    }
    const queues = [...queuesOf(app.jobs)]
    await Promise.all(
      queues.map(([queue, role]) => agreedCensus({ adapter, clock: this.#clock, queue, role, jobOf }, write)),
    )
  }

  #mark(name: string): void {
    const mark: HistoryFact = { kind: 'mark', name }
    this.#parts.writer.write(mark)
  }

  #tell(): void {
    const { options, plan, startedAt } = this.#parts
    const lives = [...(this.#fleet?.lives ?? [])].filter((life) => life.proc !== 'producer')
    const { tally, left, last } = this.#squad
    options.onProgress?.({
      phase: this.#phase,
      elapsedMs: Date.now() - startedAt,
      jobs: plan.sizes.jobs,
      enqueued: this.#tally.enqueued,
      completed: this.#tally.completed.size,
      dead: this.#tally.dead.size,
      active: lives.reduce((sum, life) => sum + life.active.size, 0),
      workersAlive: lives.filter((life) => life.ready).length,
      frozen: lives.filter((life) => life.frozen).length,
      kills: tally.kill,
      freezes: tally.freeze,
      overlaps: tally.overlap,
      stops: tally.stop,
      brokerKills: tally.broker,
      faultsLeft: left,
      last,
    })
  }
}

const NO_SINKS: ChaosSinks = { env: {}, close: async () => {} }
