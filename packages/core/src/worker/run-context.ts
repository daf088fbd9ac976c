import type { JobContext, JobFacts } from '../job/handler.ts'
import type { LogFields, Logger } from '../runtime/logger.ts'
import type { Run } from './run.ts'
import type { RunServices } from './run-services.ts'

/** The handler's context. Everything is made when it is first looked at: most handlers look at little. */
export class RunContext implements JobContext {
  readonly #run: Run
  readonly #services: RunServices
  #controller: AbortController | null = null
  #facts: JobFacts | null = null
  #log: Logger | null = null

  constructor(run: Run, services: RunServices) {
    this.#run = run
    this.#services = services
  }

  get attempt(): number {
    return this.#run.attempt
  }

  get lapses(): number | null {
    return this.#run.delivery.lapses
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#run.abortReason !== null) this.#controller.abort(this.#run.abortReason)
    }
    return this.#controller.signal
  }

  get job(): JobFacts {
    if (this.#facts === null) {
      const { envelope } = this.#run.opened
      this.#facts = {
        id: envelope.id,
        name: envelope.job,
        queue: envelope.queue,
        key: envelope.key ?? null,
        orderKey: envelope.orderKey ?? null,
        correlationId: envelope.correlationId ?? envelope.id,
        headers: envelope.headers ?? {},
        enqueuedAt: envelope.enqueuedAt,
        replays: envelope.replays ?? 0,
      }
    }
    return this.#facts
  }

  get log(): Logger {
    if (this.#log === null) {
      const { log } = this.#services
      const { id, name, correlationId } = this.job
      const facts = { job: name, jobId: id, correlationId, attempt: this.attempt }
      const at = (level: keyof Logger) => (fields: LogFields, message: string) =>
        log[level]({ ...facts, ...fields }, message)
      this.#log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
    }
    return this.#log
  }

  complete(tx: unknown): Promise<void> {
    return this.#run.completeIn(tx)
  }

  /** Core's side of `signal`. */
  abort(reason: Error): void {
    this.#controller?.abort(reason)
  }
}
