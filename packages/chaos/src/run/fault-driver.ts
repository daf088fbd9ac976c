import type { CrashPoint, Plan, PlannedFault } from '../plan/plan.ts'

/** What the driver must know of the worker that has reached a point. */
export interface FaultTarget {
  readonly proc: string
  /** It was told to stop: it is left alone, so that its stop can be judged. */
  readonly stopping: boolean
  /** Jobs of it that are held by a lapse: a kill now would take that second delivery away. */
  readonly held: number
  readonly slots: number
}

/** What else the driver must know of the moment. */
export interface FaultMoment {
  readonly point: CrashPoint
  readonly target: FaultTarget
  /** Some worker is frozen at this moment: one at a time, or nothing moves. */
  readonly frozen: boolean
  /** Another worker holds jobs of lapses. One at a time, or nobody could be killed meanwhile. */
  readonly heldElsewhere: boolean
  /** The broker is being killed, is dead, or is starting. */
  readonly brokerDown: boolean
  /** Some worker is stopping gracefully: it needs a broker to give back to. */
  readonly stoppingElsewhere: boolean
  /** How often this job has been started, as far as the harness knows. */
  readonly runs: number
}

/**
 * Counts who reaches which crash point and hands out the plan's faults when their time has come. A fault whose target is
 * not suited waits for the next one at its point: it is late then, never dropped unseen.
 */
export class FaultDriver {
  readonly #pending: PlannedFault[]
  readonly #reached: Record<CrashPoint, number> = { start: 0, effect: 0, handled: 0 }

  constructor(plan: Plan) {
    this.#pending = [...plan.faults]
  }

  /** Faults that have not been handed out. */
  get left(): number {
    return this.#pending.length
  }

  /** Faults whose time has come and that have found nobody suited yet. */
  get overdue(): number {
    return this.#pending.filter(({ at }) => at.nth <= this.#reached[at.point]).length
  }

  /** The fault for whoever is here now, with the words for the history; null: let it pass. */
  reach(moment: FaultMoment): { readonly fault: PlannedFault; readonly because: string } | null {
    this.#reached[moment.point] += 1
    const count = this.#reached[moment.point]
    const index = this.#pending.findIndex(
      (fault) => fault.at.point === moment.point && fault.at.nth <= count && suits(fault, moment),
    )
    const [fault] = index === -1 ? [] : this.#pending.splice(index, 1)
    return fault === undefined ? null : { fault, because: `${count}. time at ${moment.point}` }
  }
}

/** A job that meets more faults than this would die of them (crash loop) and say nothing about its handler. */
const MAX_RUNS = 3

function suits(fault: PlannedFault, moment: FaultMoment): boolean {
  const { target, frozen, heldElsewhere, brokerDown, stoppingElsewhere, runs } = moment
  if (target.stopping || runs > MAX_RUNS) return false
  switch (fault.do) {
    case 'kill':
      return target.held === 0
    case 'stop':
      return target.held === 0 && !brokerDown
    case 'broker-kill':
      return !brokerDown && !stoppingElsewhere
    case 'freeze':
      return !frozen && target.held === 0
    case 'lapse':
      // One slot stays free, and a job is lapsed in its first run only, so that the overlap is its own.
      return runs === 1 && !heldElsewhere && !brokerDown && target.held < target.slots - 1
  }
}
