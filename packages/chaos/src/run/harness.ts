import { resolve } from 'node:path'
import type { HistoryFact, HistoryWriter } from '@switchyard/conformance/history'
import { systemClock } from '@switchyard/core'
import type { Adapter, Clock } from '@switchyard/core/adapter'
import type { ChaosApp, ChaosSinks } from '../app/chaos-app.ts'
import type { Plan } from '../plan/plan.ts'
import type { ChildMessage } from '../worker/control-messages.ts'
import { readEnvelope } from '../worker/execution-recorder.ts'
import { ChaosError } from './chaos-error.ts'
import type { ChildLife } from './child-life.ts'
import { effectRecorder, startLedger } from './effect-ledger.ts'
import { FaultSquad } from './fault-squad.ts'
import type { ChaosOptions } from './run-chaos.ts'
import type { RunProgress } from './run-progress.ts'
import { countOf, queuesOf, takeCensus } from './take-census.ts'
import { WorkerFleet } from './worker-fleet.ts'

/** Grace of a graceful stop in a run; small, since leases are small. */
export const STOP_GRACE_MS = 4_000

/** Time after that for handlers that were told to abort. */
export const ABORT_GRACE_MS = 1_000

const POLL_MS = 150

/** Longest time that a stopped worker may take for the rest: closing its connections, ending its process. */
const RETURN_MS = 5_000

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
}

/** One run in progress: processes, faults, rest and census. It judges nothing. */
export class Harness {
  readonly #parts: HarnessParts
  readonly #clock: Clock = systemClock
  readonly #squad: FaultSquad
  readonly #failure = new AbortController()
  readonly #completed = new Set<string>()
  readonly #dead = new Set<string>()
  #fleet: WorkerFleet | null = null
  #phase: RunProgress['phase'] = 'warm'
  #enqueued = 0
  #produced = false

  constructor(parts: HarnessParts) {
    this.#parts = parts
    const { plan, writer: history } = parts
    this.#squad = new FaultSquad({ plan, history, clock: this.#clock, fleet: () => this.#fleet as WorkerFleet })
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
      await this.#census()
      await sinks.finish?.(recorder)
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
      options.signal?.removeEventListener('abort', onAbort)
      await fleet.end()
      await Promise.all([ledger.close(), sinks.close()])
    }
  }

  #startFleet(ledgerUrl: string, sinks: ChaosSinks): WorkerFleet {
    const { options, plan, writer, historyDir, appUrl } = this.#parts
    const { seed, sizes } = plan
    const { jobs, concurrency, leaseMs } = sizes
    this.#fleet = new WorkerFleet({
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
      },
      onMessage: (life, message) => this.#hear(life, message),
      onExit: (life) => this.#gone(life),
      onTrouble: (error) => this.#fail(error),
    })
    return this.#fleet
  }

  #hear(life: ChildLife, message: ChildMessage): void {
    if (message.t === 'at') this.#squad.arrived(life, message)
    else if (message.t === 'ended') this.#squad.ended(life, message.execution)
    else if (message.t === 'ready') life.ready = true
    else if (message.t === 'enqueued') this.#enqueued += 1
    else if (message.t === 'settled' && message.result === 'settled') {
      if (message.settle === 'complete') this.#completed.add(message.job)
      if (message.settle === 'move') this.#dead.add(message.job)
    }
    if (this.#phase === 'warm' && this.#squad.struck) {
      this.#phase = 'chaos'
      this.#mark('chaos')
    }
  }

  #gone(life: ChildLife): void {
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
    const deadline = startedAt + (options.deadlineMs ?? 180_000)
    const queues = [...queuesOf(app.jobs)].filter(([, role]) => role === 'queue').map(([queue]) => queue)
    let quietSince: number | null = null
    for (;;) {
      await this.#clock.sleep(POLL_MS, this.#failure.signal)
      if (this.#failure.signal.aborted) throw this.#failure.signal.reason
      this.#tell()
      const now = this.#clock.now()
      if (now > deadline) return this.#mark('deadline')
      const busy = [...(this.#fleet?.lives ?? [])].some((life) => life.active.size > 0 || life.frozen || life.held > 0)
      if (!this.#produced || busy || !(await this.#empty(adapter, queues))) quietSince = null
      else quietSince ??= now
      if (quietSince !== null && now - quietSince >= plan.sizes.leaseMs * 1.25) return
    }
  }

  async #empty(adapter: Adapter, queues: readonly string[]): Promise<boolean> {
    for (const queue of queues) {
      const { count } = await countOf(adapter, queue)
      if (count !== 0) return false
    }
    return true
  }

  /** Twice, until two agree: a count that lags behind would lose or invent jobs. */
  async #census(): Promise<void> {
    const { adapter, app, plan, writer } = this.#parts
    this.#phase = 'census'
    this.#mark('census')
    const { leaseMs } = plan.sizes
    const jobOf = (body: string): string | null => readEnvelope(body)?.job ?? null
    for (const [queue, role] of queuesOf(app.jobs)) {
      let before = ''
      for (let round = 0; round < 4; round += 1) {
        const fact = await takeCensus({ adapter, clock: this.#clock, queue, role, leaseMs, jobOf })
        writer.write(fact)
        const now = JSON.stringify([fact.count, [...(fact.jobs ?? [])].sort()])
        if (now === before) break
        before = now
      }
      this.#tell()
    }
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
      enqueued: this.#enqueued,
      completed: this.#completed.size,
      dead: this.#dead.size,
      active: lives.reduce((sum, life) => sum + life.active.size, 0),
      workersAlive: lives.filter((life) => life.ready).length,
      frozen: lives.filter((life) => life.frozen).length,
      kills: tally.kill,
      freezes: tally.freeze,
      overlaps: tally.overlap,
      stops: tally.stop,
      faultsLeft: left,
      last,
    })
  }
}

const NO_SINKS: ChaosSinks = { env: {}, close: async () => {} }
