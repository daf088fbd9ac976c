import type { Logger } from '../runtime/logger.ts'
import type { AnyJob, JobDefinition } from './define-job.ts'

/** What a handler knows about the job it runs. */
export interface JobFacts {
  /** Job id: the same through retries, death and replay. */
  readonly id: string
  readonly name: string
  readonly queue: string
  /** The definition's `key` of this payload, or null: what to be idempotent by. */
  readonly key: string | null
  readonly orderKey: string | null
  readonly correlationId: string
  readonly headers: Readonly<Record<string, string>>
  /** Epoch ms. */
  readonly enqueuedAt: number
  readonly replays: number
}

/** The one context that every handler and middleware gets. */
export interface JobContext<Tx = unknown> {
  readonly job: JobFacts
  /** 1 for the first run; crashes do not count. */
  readonly attempt: number
  /** Leases of this job that ended unsettled before; null where the broker cannot tell. */
  readonly lapses: number | null
  /** Aborts with JobTimeout, LeaseLost or Shutdown as reason. */
  readonly signal: AbortSignal
  /** Adds job, id, attempt and correlation id to every line. */
  readonly log: Logger
  /**
   * Completes this job inside the user's transaction, so that effect and completion commit or vanish together. Only where
   * the broker is that database (`capabilities.transactions`). Throws LeaseLost when somebody else has the job: roll back.
   */
  complete(tx: Tx): Promise<void>
}

/** Runs one job. Returning completes it; throwing fails it (see Reject, RetryAfter, Snooze). */
export type HandlerFunction<Output> = (payload: Output, context: JobContext) => unknown

/** A definition with the function that runs it. */
export interface Handler<Output = never> {
  readonly definition: AnyJob
  readonly run: HandlerFunction<Output>
}

/**
 * Wraps every run: call `next` once. What it throws decides the outcome like a handler's throw; one that does not call
 * `next`, or swallows what `next` throws, completes the job. The run waits for the handler in any case.
 */
export type Middleware = (context: JobContext, next: () => Promise<void>) => Promise<void>

/** Joins a definition and its handler, with the payload's type. */
export function handle<Input, Output>(definition: JobDefinition<Input, Output>, run: HandlerFunction<Output>): Handler {
  return { definition, run: run as HandlerFunction<never> }
}
