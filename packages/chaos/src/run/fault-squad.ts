import type { HistorySink } from '@switchyard/conformance/history'
import type { Clock } from '@switchyard/core/adapter'
import type { CrashPoint, Plan, PlannedFault } from '../plan/plan.ts'
import type { ChildMessage } from '../worker/control-messages.ts'
import type { ChildLife } from './child-life.ts'
import type { SeenEffect } from './effect-ledger.ts'
import { FaultDriver } from './fault-driver.ts'
import { thawNet } from './thaw-net.ts'
import type { WorkerFleet } from './worker-fleet.ts'

/** What the squad works with. */
export interface FaultSquadOptions {
  readonly plan: Plan
  readonly history: HistorySink
  readonly clock: Clock
  readonly fleet: () => WorkerFleet
}

/** A lapse is given up after so many leases: the goal then counts one less. */
const LAPSE_PATIENCE = 5

/** Each overdue fault slows every crash point by so much, up to the most. */
const PACE_MS = 50
const PACE_MOST_MS = 400

/** Carries out the faults of a plan: watches who reaches which crash point, and strikes there. */
export class FaultSquad {
  readonly tally: Record<'kill' | 'freeze' | 'lapse' | 'stop' | 'overlap', number> = {
    kill: 0,
    freeze: 0,
    lapse: 0,
    stop: 0,
    overlap: 0,
  }
  last: string | null = null
  readonly #options: FaultSquadOptions
  readonly #driver: FaultDriver
  readonly #runs = new Map<string, number>()
  #struck = false

  constructor(options: FaultSquadOptions) {
    this.#options = options
    this.#driver = new FaultDriver(options.plan)
  }

  /** Faults that have not struck yet. */
  get left(): number {
    return this.#driver.left
  }

  /** The first fault has struck. */
  get struck(): boolean {
    return this.#struck
  }

  /** A worker stands at a crash point and waits. */
  arrived(life: ChildLife, at: Extract<ChildMessage, { t: 'at' }>): void {
    const { point, job, execution, ask } = at
    if (point === 'start') {
      this.#overlaps(job)
      life.active.set(execution, job)
      this.#runs.set(job, (this.#runs.get(job) ?? 0) + 1)
    }
    const go = (): void => this.#options.fleet().send(life, { t: 'go', ask })
    const strike = this.#reach(life, point, job)
    if (strike?.fault.do === 'lapse') {
      this.#options.fleet().send(life, { t: 'lapse', ask })
      this.#lapse(life, { fault: strike.fault.id, because: strike.because, job, execution, go })
      return
    }
    if (strike !== null) this.#carryOut(life, strike.fault, strike.because)
    if (strike === null) this.#pace(go)
    else if (strike.fault.do !== 'kill') go()
  }

  /** A handler ended. */
  ended(life: ChildLife, execution: string): void {
    life.active.delete(execution)
    life.holding.delete(execution)
  }

  /** A sink has an effect on record and has not answered. */
  async applied(effect: SeenEffect): Promise<void> {
    const fleet = this.#options.fleet()
    const life = fleet.byPid(effect.pid) ?? (effect.job === null ? undefined : fleet.runningJob(effect.job))
    if (life === undefined || life.ended) return
    const strike = this.#reach(life, 'effect', effect.job ?? '')
    if (strike !== null && strike.fault.do !== 'lapse') this.#carryOut(life, strike.fault, strike.because)
  }

  #reach(life: ChildLife, point: CrashPoint, job: string): ReturnType<FaultDriver['reach']> {
    if (life.killed || life.ended) return null
    const lives = [...this.#options.fleet().lives]
    const frozen = lives.some((other) => other.frozen)
    const heldElsewhere = lives.some((other) => other !== life && other.held > 0)
    return this.#driver.reach({ point, target: life, frozen, heldElsewhere, runs: this.#runs.get(job) ?? 1 })
  }

  /** Progress is the plan's clock: it must not run ahead of faults that are still looking for a target. */
  #pace(go: () => void): void {
    const waitMs = Math.min(PACE_MOST_MS, PACE_MS * this.#driver.overdue)
    if (waitMs === 0) go()
    else this.#options.clock.schedule(waitMs, go)
  }

  #carryOut(life: ChildLife, fault: PlannedFault, because: string): void {
    const { fleet, clock, plan } = this.#options
    this.#inject(life, fault.id, fault.do, because)
    // What it met is written first: after SIGKILL nobody can say what was in hand.
    this.#hit(life, fault.id, fault.do, life.jobs)
    if (fault.do === 'kill') {
      life.killed = true
      fleet().signal(life, 'SIGKILL')
    } else if (fault.do === 'stop') {
      life.stopping = true
      fleet().signal(life, 'SIGTERM')
    } else if (fault.do === 'freeze') {
      const forMs = fault.leases * plan.sizes.leaseMs
      // The net first: this process may end at any moment, and nobody else would ever wake the worker.
      const drop = thawNet(life.child.pid ?? 0, forMs)
      life.frozen = true
      fleet().signal(life, 'SIGSTOP')
      clock.schedule(forMs, () => {
        drop()
        this.#thaw(life, fault.id)
      })
    }
  }

  #thaw(life: ChildLife, fault: string): void {
    life.frozen = false
    if (life.ended || life.killed) return
    this.#inject(life, fault, 'thaw', 'its time was over')
    this.#options.fleet().signal(life, 'SIGCONT')
  }

  #lapse(life: ChildLife, held: Held): void {
    const { clock, plan } = this.#options
    this.#inject(life, held.fault, 'lapse', held.because)
    this.#hit(life, held.fault, 'lapse', [held.job])
    const giveUp = clock.schedule(LAPSE_PATIENCE * plan.sizes.leaseMs, () => release())
    const release = (): void => {
      giveUp()
      life.holding.delete(held.execution)
      held.go()
    }
    life.holding.set(held.execution, release)
  }

  /** Somebody starts a job that another handler still has: that is what the lapse was held for. */
  #overlaps(job: string): void {
    let overlaps = false
    for (const life of this.#options.fleet().lives) {
      for (const [execution, other] of life.active) {
        if (other !== job || life.killed) continue
        overlaps = true
        life.holding.get(execution)?.()
      }
    }
    if (overlaps) this.tally.overlap += 1
  }

  #inject(life: ChildLife, fault: string, type: PlannedFault['do'] | 'thaw', because: string): void {
    const { proc: worker, epoch: workerEpoch } = life
    this.#struck = true
    this.#options.history.write({ kind: 'fault.inject', fault, type, worker, workerEpoch, because })
  }

  #hit(life: ChildLife, fault: string, type: PlannedFault['do'], jobs: readonly string[]): void {
    const { proc: worker, epoch: workerEpoch } = life
    this.#options.history.write({ kind: 'fault.hit', fault, type, worker, workerEpoch, jobs })
    this.tally[type] += 1
    this.last = `${fault}: ${worker}.${workerEpoch}, ${jobs.length} job${jobs.length === 1 ? '' : 's'} in hand`
  }
}

interface Held {
  readonly fault: string
  readonly because: string
  readonly job: string
  readonly execution: string
  readonly go: () => void
}
