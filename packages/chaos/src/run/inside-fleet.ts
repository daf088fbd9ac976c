import { type HistoryFact, type HistorySink, HistoryWriter } from '@switchyard/conformance/history'
import { connect } from '@switchyard/core'
import type { AdapterFactory, Clock } from '@switchyard/core/adapter'
import type { ChaosApp } from '../app/chaos-app.ts'
import { type ControlChannel, controlLine } from '../worker/control-channel.ts'
import type { HarnessMessage } from '../worker/control-messages.ts'
import { runProducerProcess } from '../worker/run-producer-process.ts'
import { runWorkerProcess } from '../worker/run-worker-process.ts'
import { scaledQueues } from '../worker/scaled-queues.ts'
import { Severance, severedAdapter } from '../worker/severed-adapter.ts'
import { ChaosError } from './chaos-error.ts'
import { ChildLife } from './child-life.ts'
import { allGone, type Fleet, type FleetOptions, whoRuns } from './fleet.ts'

/** What workers inside the harness share with it. */
export interface Inside {
  readonly app: ChaosApp
  /** Opens the one broker of this process. */
  readonly factory: AdapterFactory
}

/** One worker, or the producer, inside the harness. */
interface Inmate {
  readonly line: Severance
  readonly history: HistorySink & { close(): void }
  readonly channel: ControlChannel
  hear(message: HarnessMessage): void
  ask(): void
  readonly asked: Promise<void>
}

/**
 * Workers in this process, for a broker that lives in it. SIGKILL cuts a worker off its broker, its history and the harness: nothing
 * of it counts any more, and its leases lapse. What its handlers have begun cannot be stopped and may still reach the sinks,
 * which is worse than a real kill, never better. SIGSTOP holds the line to the broker; its clock and its handlers go on.
 */
export class InsideFleet implements Fleet {
  readonly lives: Set<ChildLife> = new Set()
  readonly #options: FleetOptions
  readonly #inside: Inside
  readonly #inmates = new Map<ChildLife, Inmate>()
  readonly #epochs = new Map<string, number>()
  #replacing = true

  constructor(options: FleetOptions, inside: Inside) {
    this.#options = options
    this.#inside = inside
    // The handlers of the app look for their world where a worker process has it.
    Object.assign(process.env, options.env)
  }

  start(proc: string): ChildLife {
    const epoch = this.#epochs.get(proc) ?? 0
    this.#epochs.set(proc, epoch + 1)
    const life = this.#admit(proc, epoch)
    this.#run(life, () => this.#work(life))
    return life
  }

  async produce(): Promise<void> {
    const life = this.#admit('producer', 0)
    this.#run(life, () => this.#produce(life))
    await life.gone
  }

  /** All are one process: who did it shows by the job. */
  byPid(): undefined {
    return undefined
  }

  runningJob(job: string): ChildLife | undefined {
    return whoRuns(this.lives, job)
  }

  send(life: ChildLife, message: HarnessMessage): void {
    const inmate = this.#inmates.get(life)
    // Never in the same turn, as over a pipe.
    void inmate?.line.pass().then(
      () => inmate.hear(message),
      () => {},
    )
  }

  signal(life: ChildLife, signal: NodeJS.Signals): void {
    const inmate = this.#inmates.get(life)
    if (life.ended || inmate === undefined) return
    if (signal === 'SIGSTOP') inmate.line.hold()
    else if (signal === 'SIGCONT') inmate.line.letGo()
    else if (signal === 'SIGTERM') inmate.ask()
    else {
      inmate.line.cut()
      inmate.line.letGo()
      // Nothing reaches the broker any more; core only puts its own timers away.
      inmate.ask()
      this.#ended(life, { code: null, signal: 'SIGKILL', expected: true })
    }
  }

  async retire(clock: Clock, withinMs: number): Promise<void> {
    this.#replacing = false
    for (const life of this.lives) {
      life.stopping = true
      this.signal(life, 'SIGTERM')
    }
    await allGone(this.lives, clock, withinMs)
  }

  async end(): Promise<void> {
    this.#replacing = false
    for (const life of [...this.lives]) {
      life.killed = true
      this.signal(life, 'SIGKILL')
    }
  }

  #admit(proc: string, epoch: number): ChildLife {
    const { orders, onMessage } = this.#options
    const life = new ChildLife(proc, epoch, orders.concurrency, null)
    const line = new Severance()
    const writer = new HistoryWriter({ dir: orders.dir, proc, epoch })
    line.dead.addEventListener('abort', () => writer.close(), { once: true })
    const { channel, hear } = controlLine((message) => {
      if (!line.dead.aborted) queueMicrotask(() => onMessage(life, message))
    })
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
    this.#inmates.set(life, {
      line,
      hear,
      ask,
      asked,
      history: {
        proc,
        epoch,
        write: (fact: HistoryFact) => (line.dead.aborted ? null : writer.write(fact)),
        close: () => writer.close(),
      },
      channel: { ...channel, pass: (at) => Promise.race([channel.pass(at), death(line)]), close: () => {} },
    })
    this.lives.add(life)
    return life
  }

  #run(life: ChildLife, work: () => Promise<void>): void {
    work().then(
      () => this.#ended(life, { code: 0, signal: null, expected: true }),
      (error: unknown) => {
        if (life.ended) return
        this.#ended(life, { code: 70, signal: null, expected: false })
        const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
        this.#options.onTrouble(new ChaosError('harness', `${life.proc}.${life.epoch} failed: ${words}`, error))
      },
    )
  }

  async #work(life: ChildLife): Promise<void> {
    const { orders } = this.#options
    const { app, factory } = this.#inside
    const { line, history, channel, asked } = this.#inmates.get(life) as Inmate
    const handlers = await app.handlers({ variant: orders.variant, ledgerUrl: orders.ledgerUrl })
    const queues = scaledQueues(app, orders.leaseMs)
    await runWorkerProcess({
      history,
      control: channel,
      factory: severedAdapter(factory, line),
      connect: (recorded) => connect({ broker: recorded, jobs: app.jobs, queues }),
      handlers,
      queues: app.queues ?? {},
      concurrency: orders.concurrency,
      stopGraceMs: orders.stopGraceMs,
      abortGraceMs: orders.abortGraceMs,
      asked,
    })
  }

  async #produce(life: ChildLife): Promise<void> {
    const { orders } = this.#options
    const { app, factory } = this.#inside
    const { history, channel } = this.#inmates.get(life) as Inmate
    await using yard = await connect({ broker: factory, jobs: app.jobs, queues: scaledQueues(app, orders.leaseMs) })
    const items = app.workload({ seed: orders.seed, jobs: orders.jobs })
    await runProducerProcess({ history, control: channel, yard, items, concurrency: 4, window: orders.window })
  }

  #ended(life: ChildLife, how: { code: number | null; signal: string | null; expected: boolean }): void {
    if (life.ended) return
    const { history, onExit } = this.#options
    this.lives.delete(life)
    this.#inmates.delete(life)
    history.write({ kind: 'worker.exit', worker: life.proc, workerEpoch: life.epoch, ...how })
    life.end()
    onExit(life)
    if (life.proc !== 'producer' && this.#replacing) this.start(life.proc)
  }
}

/** A handler that waits at a crash point of a killed worker ends there: nobody would ever let it go on. */
function death({ dead }: Severance): Promise<never> {
  return new Promise((_resolve, reject) => {
    const die = (): void => reject(new Error('its worker was killed'))
    if (dead.aborted) die()
    else dead.addEventListener('abort', die, { once: true })
  })
}
