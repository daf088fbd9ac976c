/** A settlement, as a worker process told of it. */
export interface ToldSettlement {
  readonly job: string
  readonly settle: string
  readonly result: string
  readonly delayMs: number
}

/** Jobs that are not done wait for so long after the last of them was due; where a broker counts exactly, nobody waits. */
const OPEN_QUIET_MS = 15_000
/** A settlement whose reply was lost was either applied, or the job comes back within this. */
const UNSURE_QUIET_MS = 5_000
const QUIET_MS = 2_000

/**
 * What the harness itself knows of the jobs, from what its processes tell. It decides nothing about the verdict, only how long
 * to wait for a broker that cannot say what it still holds.
 */
export class JobTally {
  enqueued = 0
  readonly completed: Set<string> = new Set()
  readonly dead: Set<string> = new Set()
  readonly #accepted = new Set<string>()
  readonly #unsure = new Set<string>()
  /** When a job that was put back is due (ms of the caller's clock). */
  readonly #due = new Map<string, number>()

  /** Jobs that are done for good. */
  get done(): number {
    return this.completed.size + this.dead.size
  }

  accepted(job: string | null): void {
    this.enqueued += 1
    if (job !== null) this.#accepted.add(job)
  }

  started(job: string): void {
    this.#unsure.delete(job)
    this.#due.delete(job)
  }

  settled({ job, settle, result, delayMs }: ToldSettlement, now: number): void {
    if (result === 'unknown') this.#unsure.add(job)
    if (result !== 'settled') return
    this.#unsure.delete(job)
    if (settle === 'complete') this.completed.add(job)
    else if (settle === 'move') this.dead.add(job)
    else this.#due.set(job, now + delayMs)
  }

  /** Their process died between the end of their handlers and the answer to their settlements. */
  orphaned(jobs: Iterable<string>): void {
    for (const job of jobs) this.#unsure.add(job)
  }

  /**
   * How long everything must have been quiet before it counts as at rest, on a broker that does not count exactly.
   * `quietSince` and the answer are ms of the same clock; the answer is a moment.
   */
  restAt(quietSince: number): number {
    let open = false
    let unsure = false
    let from = quietSince
    for (const job of this.#accepted) {
      if (this.completed.has(job) || this.dead.has(job)) continue
      if (this.#unsure.has(job)) unsure = true
      else open = true
      from = Math.max(from, this.#due.get(job) ?? 0)
    }
    return from + (open ? OPEN_QUIET_MS : unsure ? UNSURE_QUIET_MS : QUIET_MS)
  }
}
