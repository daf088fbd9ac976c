import type { SettleKind } from '@switchyard/conformance/history'
import type { CrashPoint } from '../plan/plan.ts'

/** What a child process is started with; travels as JSON in one environment variable. */
export interface ChildOrders {
  readonly role: 'worker' | 'producer'
  readonly proc: string
  readonly epoch: number
  /** Folder of the run's history. */
  readonly dir: string
  /** File URL of the module that exports `chaosApp`. */
  readonly app: string
  readonly variant: string
  readonly broker: string
  readonly ledgerUrl: string
  readonly seed: number
  readonly jobs: number
  readonly concurrency: number
  readonly leaseMs: number
  readonly stopGraceMs: number
  readonly abortGraceMs: number
  /** How many jobs the producer may be ahead of those that are done; null: as fast as it can. */
  readonly window: number | null
}

/** Name of that variable. */
export const ORDERS_ENV = 'SWITCHYARD_CHAOS_ORDERS'

/** From a child to the harness. `ask` numbers a question that `HarnessMessage` answers. */
export type ChildMessage =
  | { readonly t: 'ready' }
  | {
      readonly t: 'at'
      readonly ask: number
      readonly point: CrashPoint
      readonly job: string
      readonly execution: string
    }
  | { readonly t: 'ended'; readonly job: string; readonly execution: string }
  | {
      readonly t: 'settled'
      readonly job: string
      readonly settle: SettleKind
      readonly result: string
      readonly delayMs: number
    }
  | {
      readonly t: 'enqueued'
      readonly n: number
      readonly job: string | null
      readonly result: 'ok' | 'fail' | 'unknown'
    }
  | { readonly t: 'produced' }
  | { readonly t: 'trouble'; readonly message: string }

/**
 * From the harness to a child: go on; lose this job's renewals and wait for the `go` that follows; or, to the producer, so many
 * jobs are done.
 */
export type HarnessMessage =
  | { readonly t: 'go'; readonly ask: number }
  | { readonly t: 'lapse'; readonly ask: number }
  | { readonly t: 'done'; readonly done: number }
