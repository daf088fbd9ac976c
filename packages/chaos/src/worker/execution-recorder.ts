import { type HistorySink, payloadDigest } from '@switchyard/conformance/history'
import type { JobContext, Middleware } from '@switchyard/core'
import type { ControlChannel } from './control-channel.ts'

/** Header in which the workload's own number travels; the third id beside the job's and the broker's. */
export const NUMBER_HEADER = 'switchyard-chaos-n'

/** What the seam saw of a job that was just delivered. */
export interface SeenDelivery {
  readonly lease: string
  readonly job: string
  readonly digest: string | null
}

/**
 * Writes the start and end of every handler and stops at its crash points. Outermost middleware, so that a handler that is
 * held is still running as far as core can tell.
 */
export class ExecutionRecorder {
  readonly #history: HistorySink
  readonly #control: ControlChannel
  readonly #seen = new Map<string, SeenDelivery>()
  readonly #forged = new Set<string>()
  readonly #open = new Set<string>()
  #executions = 0

  constructor(history: HistorySink, control: ControlChannel) {
    this.#history = history
    this.#control = control
  }

  /** Executions whose handlers have not ended. */
  get open(): number {
    return this.#open.size
  }

  /** The recorder at the seam tells what it handed over; the next start of that job belongs to it. */
  delivered(delivery: SeenDelivery): void {
    this.#seen.set(delivery.job, delivery)
  }

  /** Whether renewals of this lease are to be lost on their way. */
  forges(lease: string): boolean {
    return this.#forged.has(lease)
  }

  readonly middleware: Middleware = async (context, next) => {
    const { job, attempt, lapses } = context
    const { proc, epoch } = this.#history
    this.#executions += 1
    const execution = `${proc}.${epoch}:${this.#executions}`
    const seen = this.#seen.get(job.id)
    const n = numberOf(context)
    const { name, queue } = job
    const digest = seen?.digest ?? null
    this.#history.write({ kind: 'handler.start', execution, n, job: job.id, name, queue, attempt, lapses, digest })
    this.#open.add(execution)
    const onLapse = (): void => void this.#forged.add(seen?.lease ?? '')
    try {
      await this.#control.pass({ point: 'start', job: job.id, execution, onLapse })
      await next()
      await this.#control.pass({ point: 'handled', job: job.id, execution, onLapse })
      this.#ended(context, execution, null)
    } catch (error) {
      this.#ended(context, execution, error ?? new Error('threw nothing'))
      throw error
    }
  }

  #ended(context: JobContext, execution: string, error: unknown): void {
    const { signal, job } = context
    this.#open.delete(execution)
    this.#history.write({
      kind: 'handler.end',
      execution,
      job: job.id,
      outcome: error === null ? 'returned' : 'threw',
      aborted: signal.aborted ? nameOf(signal.reason) : null,
      error: error === null ? null : String(error).slice(0, 500),
    })
    this.#control.tell({ t: 'ended', job: job.id, execution })
  }
}

function numberOf(context: JobContext): number | null {
  const text = context.job.headers[NUMBER_HEADER]
  const n = text === undefined ? Number.NaN : Number(text)
  return Number.isSafeInteger(n) && n >= 0 ? n : null
}

function nameOf(reason: unknown): string {
  return reason instanceof Error ? reason.name : String(reason)
}

/** Job id and payload digest of an envelope; null when the body is not one of ours. */
export function readEnvelope(body: string): { readonly job: string; readonly digest: string } | null {
  try {
    const { id, payload } = JSON.parse(body) as { readonly id?: unknown; readonly payload?: unknown }
    return typeof id === 'string' ? { job: id, digest: payloadDigest(payload) } : null
  } catch {
    return null
  }
}
