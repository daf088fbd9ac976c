import type { HistorySink } from '@switchyard/conformance/history'
import type { Clock } from '@switchyard/core/adapter'
import type { PlannedFault } from '../plan/plan.ts'
import { ChaosError } from './chaos-error.ts'

/** A broker that may be killed; `RunningBroker` of `@switchyard/brokers` is one. */
export interface KillableBroker {
  /** Resolves when queues declared so far would survive a kill. */
  flush(): Promise<void>
  /** SIGKILL; resolves when it is dead. */
  kill(): Promise<void>
  /** Starts it on the same port and data; resolves when it answers. */
  restart(): Promise<void>
}

type BrokerKill = Extract<PlannedFault, { readonly do: 'broker-kill' }>

/** Where outages are written down, and who hears that one failed. */
export interface BrokerOutageOptions {
  readonly broker: KillableBroker
  readonly history: HistorySink
  readonly clock: Clock
  /** Jobs whose handlers run at this moment, anywhere. */
  jobsInHand(): readonly string[]
  /** The broker is dead: calls fail from now on. */
  onDown(): void
  onUp(): void
  onTrouble(error: ChaosError): void
}

/** Kills the broker and brings it back, one outage at a time. */
export class BrokerOutage {
  readonly #options: BrokerOutageOptions
  #running: Promise<void> | null = null
  #down = false

  constructor(options: BrokerOutageOptions) {
    this.#options = options
  }

  /** From the decision to kill until the broker answers again. */
  get under(): boolean {
    return this.#running !== null
  }

  /** The broker is dead, or not known to answer. */
  get down(): boolean {
    return this.#down
  }

  /** Begins an outage; it goes its way by itself. */
  begin(fault: BrokerKill, because: string): void {
    this.#running = this.#carryOut(fault, because)
      .catch((cause: unknown) => {
        const words = cause instanceof Error ? cause.message : String(cause)
        this.#options.onTrouble(new ChaosError('harness', `${fault.id}: the broker did not come back: ${words}`, cause))
      })
      .finally(() => {
        this.#running = null
      })
  }

  /** Resolves when no outage is under way. */
  over(): Promise<void> {
    return this.#running ?? Promise.resolve()
  }

  async #carryOut({ id: fault, downMs, flushFirst }: BrokerKill, because: string): Promise<void> {
    const { broker, history, clock, jobsInHand, onDown, onUp } = this.#options
    const shared = { fault, worker: null, workerEpoch: null }
    if (flushFirst) await broker.flush()
    history.write({ kind: 'fault.inject', ...shared, type: 'broker', because })
    const jobs = jobsInHand()
    this.#down = true
    // Told before it is dead, so that some calls are under way when it dies.
    onDown()
    await broker.kill()
    history.write({ kind: 'fault.hit', ...shared, type: 'broker', jobs })
    await clock.sleep(downMs)
    history.write({ kind: 'fault.inject', ...shared, type: 'broker-up', because: `${downMs} ms were over` })
    await broker.restart()
    this.#down = false
    history.write({ kind: 'fault.hit', ...shared, type: 'broker-up', jobs: [] })
    onUp()
  }
}
