import type { DeadReason, Failure } from '../job/envelope.ts'

/** What every event about one job says. */
export interface JobEvent {
  readonly jobId: string
  readonly job: string
  readonly queue: string
  readonly correlationId: string
}

/** What every event about one run of a job says. */
export interface RunEvent extends JobEvent {
  readonly attempt: number
  readonly lapses: number | null
  readonly workerId: string
}

/** Every event, by name, with what it carries. Also published on `diagnostics_channel` as `switchyard:<name>`. */
export interface YardEvents {
  /** The broker confirmed a send. `status` duplicate: nothing was stored. */
  readonly 'job.enqueued': JobEvent & { readonly status: 'accepted' | 'duplicate' }
  readonly 'job.started': RunEvent
  /** Settled as complete; `ms` is the handler's run time. */
  readonly 'job.completed': RunEvent & { readonly ms: number }
  readonly 'job.retried': RunEvent & { readonly ms: number; readonly delayMs: number; readonly failure: Failure }
  /** Given back without using an attempt. */
  readonly 'job.released': RunEvent & {
    readonly why: 'snooze' | 'interrupted' | 'early' | 'unstarted'
    readonly delayMs: number
  }
  /** No handler here, or newer than this worker. */
  readonly 'job.put-back': RunEvent & { readonly putBacks: number; readonly message: string; readonly delayMs: number }
  readonly 'job.dead': RunEvent & { readonly reason: DeadReason; readonly failure: Failure | null }
  /** The handler ignored its abort signal for the whole abort grace; the slot stays taken until it ends. */
  readonly 'job.overrun': RunEvent & { readonly runMs: number }
  /** The lease ended under us; what the handler did may be done again. */
  readonly 'lease.lost': RunEvent & { readonly known: 'broker' | 'renewal' | 'settle' | 'deadline' }
  /** The broker never said whether a settlement happened. */
  readonly 'settle.unknown': RunEvent & { readonly wanted: string; readonly message: string }
  readonly 'job.replayed': JobEvent & { readonly replays: number }
  readonly 'job.discarded': JobEvent & { readonly reason: string }
  readonly 'worker.started': {
    readonly workerId: string
    readonly queues: readonly string[]
    readonly concurrency: number
  }
  readonly 'worker.stopping': { readonly workerId: string; readonly running: number; readonly graceMs: number }
  readonly 'worker.stopped': { readonly workerId: string; readonly released: number; readonly abandoned: number }
  /** The event loop stood still for more than a third of a lease. */
  readonly 'worker.stalled': { readonly workerId: string; readonly stalledMs: number; readonly jobs: readonly string[] }
  /** A background fault of the broker connection, or a receive that had to be repeated. */
  readonly 'broker.fault': { readonly broker: string; readonly code: string; readonly message: string }
}

/** Name of an event. */
export type YardEventName = keyof YardEvents
