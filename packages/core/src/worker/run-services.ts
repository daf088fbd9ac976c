import type { Settlement, SettleResult } from '../adapter/adapter.ts'
import type { Capabilities } from '../adapter/capabilities.ts'
import type { OnDead } from '../job/define-job.ts'
import type { Handler, JobContext } from '../job/handler.ts'
import type { Emitter } from '../observe/emitter.ts'
import type { RunEvent } from '../observe/events.ts'
import type { Decision } from '../policy/decide.ts'
import type { Opened } from '../policy/settlement.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Deadlines } from './deadlines.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import type { Run } from './run.ts'
import type { Settler } from './settler.ts'
import type { WorkSettings } from './work-options.ts'

/** What a run needs of its lane and worker. */
export interface RunServices {
  readonly clock: Clock
  readonly log: Logger
  readonly emitter: Emitter
  /** The adapter's word for the broker. */
  readonly broker: string
  readonly capabilities: Capabilities
  readonly settings: WorkSettings
  readonly deadlines: Deadlines
  readonly keeper: LeaseKeeper<Run>
  readonly settler: Settler
  readonly leaseMs: number
  /** Calls the handler inside the middleware. */
  invoke(handler: Handler, payload: unknown, context: JobContext): unknown
  settleIn(settlements: readonly Settlement[], tx: unknown): Promise<readonly SettleResult[]>
  /** Enqueues the `onDead` job, with patience; what fails for good is reported, never thrown. */
  followUp(opened: Opened, decision: Decision, onDead: OnDead): Promise<void>
  factsOf(opened: Opened): RunEvent
  /** Everything about the run ended: its slot is free. */
  ended(run: Run): void
}
