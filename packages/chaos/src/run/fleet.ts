import type { HistorySink } from '@switchyard/conformance/history'
import type { Clock } from '@switchyard/core/adapter'
import type { ChildMessage, ChildOrders, HarnessMessage } from '../worker/control-messages.ts'
import type { ChaosError } from './chaos-error.ts'
import type { ChildLife } from './child-life.ts'

/** What every worker and producer of the run is told, apart from who it is. */
export type SharedOrders = Omit<ChildOrders, 'role' | 'proc' | 'epoch'>

/** What a fleet needs of its owner. */
export interface FleetOptions {
  readonly history: HistorySink
  readonly orders: SharedOrders
  readonly env: Readonly<Record<string, string>>
  onMessage(life: ChildLife, message: ChildMessage): void
  onExit(life: ChildLife): void
  /** Something that ends the run: the producer failed, or workers keep dying by themselves. */
  onTrouble(error: ChaosError): void
}

/** The workers and the producer of a run, wherever they live. It signals only what it started. */
export interface Fleet {
  readonly lives: ReadonlySet<ChildLife>
  /** Starts the next incarnation of a worker. */
  start(proc: string): ChildLife
  /** Starts the producer; resolves when it has ended. */
  produce(): Promise<void>
  byPid(pid: number | null): ChildLife | undefined
  /** Whoever runs this job now; the latest first. */
  runningJob(job: string): ChildLife | undefined
  send(life: ChildLife, message: HarnessMessage): void
  signal(life: ChildLife, signal: NodeJS.Signals): void
  /**
   * From now on ended workers are not replaced; those alive are stopped gracefully. Resolves when all have ended, or after
   * `withinMs`: whoever has not returned by then stays without its `worker.stop`, and is judged for that.
   */
  retire(clock: Clock, withinMs: number): Promise<void>
  /** Ends whatever is left at once, frozen or not; resolves when it has ended. */
  end(): Promise<void>
}

/** The latest life among them that runs this job. */
export function whoRuns(lives: Iterable<ChildLife>, job: string): ChildLife | undefined {
  return [...lives].reverse().find((life) => [...life.active.values()].includes(job))
}

/** Resolves when all have ended, or when the time is over. */
export async function allGone(lives: Iterable<ChildLife>, clock: Clock, withinMs: number): Promise<void> {
  const enough = new AbortController()
  await Promise.race([Promise.all([...lives].map((life) => life.gone)), clock.sleep(withinMs, enough.signal)])
  enough.abort()
}
