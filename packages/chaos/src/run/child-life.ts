import type { ChildProcess } from 'node:child_process'
import type { FaultTarget } from './fault-driver.ts'

/** What one incarnation of a worker is doing, as far as the harness can tell. */
export class ChildLife implements FaultTarget {
  readonly proc: string
  readonly epoch: number
  readonly slots: number
  /** Null: it lives inside the harness. */
  readonly child: ChildProcess | null
  /** Execution -> job, for handlers that have started and not ended. */
  readonly active: Map<string, string> = new Map()
  /** Executions held by a lapse, with what lets them go. */
  readonly holding: Map<string, () => void> = new Map()
  /** Jobs whose handlers have ended and whose settlements are not answered yet. */
  readonly settling: Set<string> = new Set()
  ready = false
  stopping = false
  killed = false
  frozen = false
  ended = false
  /** Resolves when its process has ended and that is on record. */
  readonly gone: Promise<void>
  readonly #left: () => void

  constructor(proc: string, epoch: number, slots: number, child: ChildProcess | null) {
    this.proc = proc
    this.epoch = epoch
    this.slots = slots
    this.child = child
    const { promise, resolve } = Promise.withResolvers<void>()
    this.gone = promise
    this.#left = resolve
  }

  /** Its process has ended. */
  end(): void {
    this.ended = true
    this.#left()
  }

  get held(): number {
    return this.holding.size
  }

  /** Jobs in hand. */
  get jobs(): readonly string[] {
    return [...new Set(this.active.values())]
  }
}
