import type { Adapter } from '../adapter/adapter.ts'
import type { Handler } from '../job/handler.ts'
import type { Emitter } from '../observe/emitter.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Run } from './run.ts'
import type { RunServices } from './run-services.ts'

/** What a lane needs of its worker. */
export interface WorkerParts {
  readonly adapter: Adapter
  readonly clock: Clock
  readonly emitter: Emitter
  readonly handlers: ReadonlyMap<string, Handler>
  readonly stopSignal: AbortSignal
  leaseMsOf(queue: string): number
  /** Makes the queue, its lanes and its dead queue exist again, whatever was known before. */
  redeclare(queue: string): Promise<void>
  stalled(stalledMs: number, runs: readonly Run[]): void
  servicesFor(lane: Pick<RunServices, 'keeper' | 'settler' | 'leaseMs' | 'settleIn' | 'ended'>): RunServices
}
