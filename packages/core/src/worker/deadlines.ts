import type { Cancel, Clock } from '../runtime/clock.ts'

/** Something that must be told when its time is over. */
export interface Due {
  /** Epoch ms; may be moved later while it waits. */
  dueAt: number
  due(): void
}

/**
 * One timer for all running jobs: a timer per job would cost more than most handlers. Looks at all entries when the
 * earliest is due; there are never more than the worker's concurrency.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #entries = new Set<Due>()
  #cancel: Cancel | null = null
  #at = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(entry: Due): void {
    this.#entries.add(entry)
    if (entry.dueAt < this.#at) this.#arm(entry.dueAt)
  }

  remove(entry: Due): void {
    this.#entries.delete(entry)
    // The timer stays: it is cheaper to let it find nothing than to arm it anew for every job. An idle worker clears it.
    if (this.#entries.size === 0 && this.#at - this.#clock.now() > 0) this.#clearSoon()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#at = Number.POSITIVE_INFINITY
    this.#entries.clear()
  }

  #clearSoon(): void {
    if (this.#clearing) return
    this.#clearing = true
    // A batch of jobs ends and the next begins within a turn or two; clear only what is idle for longer.
    this.#clock.schedule(IDLE_MS, () => {
      this.#clearing = false
      if (this.#entries.size === 0) this.stop()
    })
  }

  #clearing = false

  #arm(at: number): void {
    this.#cancel?.()
    this.#at = at
    this.#cancel = this.#clock.schedule(Math.max(0, at - this.#clock.now()), () => this.#ring())
  }

  #ring(): void {
    this.#cancel = null
    this.#at = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const entry of [...this.#entries]) {
      if (entry.dueAt <= now) {
        this.#entries.delete(entry)
        entry.due()
      } else if (entry.dueAt < next) next = entry.dueAt
    }
    if (next < this.#at) this.#arm(next)
  }
}

/** How long an idle worker keeps its timer, in ms. */
const IDLE_MS = 100
