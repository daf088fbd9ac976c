import type { HistorySink } from '@switchyard/conformance/history'
import type { Clock } from '@switchyard/core/adapter'
import type { CrashPoint, Plan, PlannedFault } from '../plan/plan.ts'
import type { ChildMessage } from '../worker/control-messages.ts'
import { BrokerOutage, type KillableBroker } from './broker-outage.ts'
import type { ChaosError } from './chaos-error.ts'
import type { ChildLife } from './child-life.ts'
import type { SeenEffect } from './effect-ledger.ts'
import { FaultDriver } from './fault-driver.ts'
import type { Fleet } from './fleet.ts'
import { thawNet } from './thaw-net.ts'

/** What the squad works with. */
export interface FaultSquadOptions {
  readonly plan: Plan
  readonly history: HistorySink
  readonly clock: Clock
  readonly fleet: () => Fleet
  /** Null: the broker is not ours to kill. */
  readonly broker: KillableBroker | null
  /** Leases end with connections: handlers are held over an outage, so that somebody else starts their jobs meanwhile. */
  readonly holdOverOutage: boolean
  /** A lease that nobody renews is given to somebody else within so long. */
  readonly lapseWithinMs: number
  onBrokerDown(): void
  onTrouble(error: ChaosError): void
}

/** A handler that is held is given up after so many times the longest lapse: the goal then counts one less. */
const HOLD_PATIENCE = 5

/** So many handlers are held over one outage at most. */
const HELD_OVER = 6

/** Each overdue fault slows every crash point by so much, up to the most. */
const PACE_MS = 50
const PACE_MOST_MS = 400

/** Carries out the faults of a plan: watches who reaches which crash point, and strikes there. */
export class FaultSquad {
  readonly tally: Record<'kill' | 'freeze' | 'lapse' | 'stop' | 'overlap' | 'broker', number> = {
    kill: 0,
    freeze: 0,
    lapse: 0,
    stop: 0,
    overlap: 0,
    broker: 0,
  }
  last: string | null = null
  readonly #options: FaultSquadOptions
  readonly #driver: FaultDriver
  readonly #runs = new Map<string, number>()
  readonly #outage: BrokerOutage | null
  #heldOver = 0
  #struck = false

  constructor(options: FaultSquadOptions) {
    this.#options = options
    this.#driver = new FaultDriver(options.plan)
    this.#outage = options.broker === null ? null : this.#outageOf(options.broker)
  }

  /** The broker is dead, or not known to answer. */
  get brokerDown(): boolean {
    return this.#outage?.down ?? false
  }

  /** Resolves when the broker is not in the middle of an outage. */
  async outageOver(): Promise<void> {
    await this.#outage?.over()
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
    if (this.#holdsOver(life, { point, job, struck: strike?.fault.do === 'broker-kill' }))
      this.#hold(life, execution, go)
    else if (strike === null) this.#pace(go)
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
    const stoppingElsewhere = lives.some((other) => other.stopping)
    const runs = this.#runs.get(job) ?? 1
    const brokerDown = this.#outage?.under ?? false
    return this.#driver.reach({ point, target: life, frozen, heldElsewhere, stoppingElsewhere, brokerDown, runs })
  }

  /** Progress is the plan's clock: it must not run ahead of faults that are still looking for a target. */
  #pace(go: () => void): void {
    const waitMs = Math.min(PACE_MOST_MS, PACE_MS * this.#driver.overdue)
    if (waitMs === 0) go()
    else this.#options.clock.schedule(waitMs, go)
  }

  #carryOut(life: ChildLife, fault: PlannedFault, because: string): void {
    const { fleet, clock, plan } = this.#options
    if (fault.do === 'broker-kill') {
      this.#struck = true
      this.#heldOver = 0
      this.#outage?.begin(fault, because)
      return
    }
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
      const drop = life.child?.pid === undefined ? () => {} : thawNet(life.child.pid, forMs)
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
    this.#inject(life, held.fault, 'lapse', held.because)
    this.#hit(life, held.fault, 'lapse', [held.job])
    this.#hold(life, held.execution, held.go)
  }

  /** Its handler waits until somebody else has started its job, or until that will not happen any more. */
  #hold(life: ChildLife, execution: string, go: () => void): void {
    const { clock, lapseWithinMs } = this.#options
    const forMs = HOLD_PATIENCE * lapseWithinMs
    // While the broker is away nobody can start anything: that time does not count.
    const tired = (): void => {
      if (this.#outage?.under === true) giveUp = clock.schedule(forMs, tired)
      else release()
    }
    let giveUp = clock.schedule(forMs, tired)
    const release = (): void => {
      giveUp()
      life.holding.delete(execution)
      go()
    }
    life.holding.set(execution, release)
  }

  /** Whoever set an outage off, and a few that end their work while it lasts. */
  #holdsOver(
    life: ChildLife,
    at: { readonly point: CrashPoint; readonly job: string; readonly struck: boolean },
  ): boolean {
    if (!this.#options.holdOverOutage || life.killed || life.stopping) return false
    const ends = this.brokerDown && at.point === 'handled' && this.#runs.get(at.job) === 1
    if (!(at.struck || ends) || this.#heldOver >= HELD_OVER || life.held >= life.slots - 1) return false
    this.#heldOver += 1
    return true
  }

  #outageOf(broker: KillableBroker): BrokerOutage {
    const { history, clock, fleet, onBrokerDown: onDown, onTrouble } = this.#options
    return new BrokerOutage({
      broker,
      history,
      clock,
      jobsInHand: () => [...fleet().lives].flatMap((life) => life.jobs),
      onDown: () => {
        this.tally.broker += 1
        this.last = `broker killed for the ${this.tally.broker}. time`
        onDown()
      },
      onUp: () => {
        this.last = 'broker answers again'
      },
      onTrouble,
    })
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

  #inject(life: ChildLife, fault: string, type: WorkerFault | 'thaw', because: string): void {
    const { proc: worker, epoch: workerEpoch } = life
    this.#struck = true
    this.#options.history.write({ kind: 'fault.inject', fault, type, worker, workerEpoch, because })
  }

  #hit(life: ChildLife, fault: string, type: WorkerFault, jobs: readonly string[]): void {
    const { proc: worker, epoch: workerEpoch } = life
    this.#options.history.write({ kind: 'fault.hit', fault, type, worker, workerEpoch, jobs })
    this.tally[type] += 1
    this.last = `${fault}: ${worker}.${workerEpoch}, ${jobs.length} job${jobs.length === 1 ? '' : 's'} in hand`
  }
}

/** A fault that is aimed at one worker. */
type WorkerFault = Exclude<PlannedFault['do'], 'broker-kill'>

interface Held {
  readonly fault: string
  readonly because: string
  readonly job: string
  readonly execution: string
  readonly go: () => void
}
