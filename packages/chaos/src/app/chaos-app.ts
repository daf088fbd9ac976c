import type { ExpectedEffect } from '@switchyard/conformance/history'
import type { AnyJob, EnqueueOptions, Handler, WorkQueueOptions } from '@switchyard/core'
import { ChaosError } from '../run/chaos-error.ts'
import type { EffectRecorder } from '../run/effect-ledger.ts'

/** One enqueue of a workload. Its number is its place in the list. */
export interface WorkItem {
  readonly job: AnyJob
  readonly payload: unknown
  readonly options?: Pick<EnqueueOptions, 'delayMs' | 'key' | 'orderKey' | 'headers'>
  /** What must have happened exactly once at the sinks when the job is completed. */
  readonly effects: readonly ExpectedEffect[]
}

/** Servers of the app's outside world that the harness runs, so that workers cannot falsify what reached them. */
export interface ChaosSinks {
  /** Set in every worker process: `{ SHOP_SMTP_URL: 'smtp://127.0.0.1:2525' }`. */
  readonly env: Readonly<Record<string, string>>
  /**
   * Effects that only show at the end, such as rows of a database: called after the last worker has ended, before judgement.
   */
  finish?(recorder: EffectRecorder): Promise<void>
  close(): Promise<void>
}

/** What a worker process is told about its world. */
export interface ChaosWorld {
  /** Which handlers to run; the app knows its own names. */
  readonly variant: string
  /** The harness's ledger: `POST /effects`. */
  readonly ledgerUrl: string
}

/** An application as the harness sees it: its module exports one of these as `chaosApp`. */
export interface ChaosApp {
  readonly title: string
  readonly jobs: readonly AnyJob[]
  /** Per queue, as for `yard.work`. Default: the plan's concurrency for each queue. */
  readonly queues?: Readonly<Record<string, WorkQueueOptions>>
  /** The same list for the same arguments: producers and judge read it apart. */
  workload(options: { readonly seed: number; readonly jobs: number }): readonly WorkItem[]
  /** Called once in each worker process, with the environment of the sinks set. */
  handlers(world: ChaosWorld): readonly Handler[] | Promise<readonly Handler[]>
  /** Called once in the harness. */
  startSinks?(options: { readonly recorder: EffectRecorder; readonly dir: string }): Promise<ChaosSinks>
}

/** Imports an app module by file URL; throws ChaosError `usage` when it cannot be run or exports no `chaosApp`. */
export async function loadChaosApp(module: string): Promise<ChaosApp> {
  const loaded = await import(module).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ChaosError('usage', `the app ${module} cannot be run: ${why}`)
  })
  const app = (loaded as { readonly chaosApp?: Partial<ChaosApp> }).chaosApp
  const whole = typeof app?.workload === 'function' && typeof app.handlers === 'function' && Array.isArray(app.jobs)
  if (!whole) {
    throw new ChaosError(
      'usage',
      `${module} must export "chaosApp" with title, jobs, workload() and handlers(): see packages/chaos/README.md.`,
    )
  }
  return app as ChaosApp
}
