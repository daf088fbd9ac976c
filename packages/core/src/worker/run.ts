import type { SettleResult } from '../adapter/adapter.ts'
import { BrokerError } from '../adapter/broker-error.ts'
import {
  InvalidPayloadError,
  JobTimeout,
  LeaseLost,
  Reject,
  RetryAfter,
  Shutdown,
  Snooze,
  UnsupportedError,
} from '../errors.ts'
import type { Envelope } from '../job/envelope.ts'
import type { Handler } from '../job/handler.ts'
import { validate } from '../job/validate.ts'
import { type Decision, decide, type Outcome } from '../policy/decide.ts'
import type { Opened } from '../policy/settlement.ts'
import { isThenable } from '../runtime/is-thenable.ts'
import type { Due } from './deadlines.ts'
import type { Leased } from './lease-keeper.ts'
import { RunContext } from './run-context.ts'
import type { RunServices } from './run-services.ts'
import { SettleAttempt } from './settle-attempt.ts'
import { tellDecision, wantedBy } from './tell-decision.ts'

/**
 * One lease of one job from start to settlement. Ends exactly once: when its handler has ended and its settlement has been
 * answered (or the lease was lost, so that there is nothing to settle). Its slot stays taken until then.
 */
export class Run implements Leased, Due {
  readonly opened: Opened & { readonly envelope: Envelope }
  readonly handler: Handler
  readonly startedAt: number
  renewedAt: number
  dueAt: number
  readonly #services: RunServices
  readonly #context: RunContext
  #abortedBy: JobTimeout | LeaseLost | Shutdown | null = null
  #handlerEnded = false
  #settling = false
  #settled = false
  #completedInTx = false
  #interrupted = false
  /** The abort grace is running. */
  #deaf = false

  constructor(services: RunServices, opened: Opened & { readonly envelope: Envelope }, handler: Handler) {
    this.#services = services
    this.opened = opened
    this.handler = handler
    this.startedAt = services.clock.now()
    this.renewedAt = opened.delivery.leasedAt
    this.dueAt = this.startedAt + handler.definition.timeoutMs
    this.#context = new RunContext(this, services)
  }

  get delivery(): Opened['delivery'] {
    return this.opened.delivery
  }

  get attempt(): number {
    return this.opened.note.attempts + 1
  }

  get abortReason(): Error | null {
    return this.#abortedBy
  }

  /** Checks the payload and calls the handler. Never throws. */
  start(payload: unknown): void {
    this.#services.deadlines.add(this)
    const { definition } = this.handler
    const place = { job: definition.name, queue: definition.queue, jobId: this.opened.envelope.id }
    let checked: unknown
    try {
      checked = validate(definition.payload, payload, place)
    } catch (error) {
      this.#refused(error)
      return
    }
    if (checked instanceof Promise) {
      checked.then(
        (output) => this.#checkedLate(output),
        (error: unknown) => this.#refused(error),
      )
    } else this.#call(checked)
  }

  /** A payload that does not fit is poison; a schema that failed (its database is away) is a failed attempt. */
  #refused(error: unknown): void {
    this.#handlerDone({ kind: error instanceof InvalidPayloadError ? 'poison' : 'failed', error })
  }

  /** Whatever ended the run while its schema was asked also keeps the handler from starting. */
  #checkedLate(output: unknown): void {
    if (this.#abortedBy === null) this.#call(output)
    else if (this.#abortedBy instanceof Shutdown) this.#handlerDone({ kind: 'unstarted' })
    else this.#handlerDone({ kind: 'failed', error: this.#abortedBy })
  }

  #call(payload: unknown): void {
    try {
      const result = this.#services.invoke(this.handler, payload, this.#context)
      if (isThenable(result)) {
        const ended = result instanceof Promise ? result : Promise.resolve(result)
        ended.then(
          () => this.#handlerDone({ kind: 'completed' }),
          (error: unknown) => this.#handlerDone({ kind: 'failed', error }),
        )
        return
      }
    } catch (error) {
      this.#handlerDone({ kind: 'failed', error })
      return
    }
    this.#handlerDone({ kind: 'completed' })
  }

  /** The time is over: first the signal, and when the handler ignores it for the abort grace, settle without it. */
  due(): void {
    const { clock, settings, deadlines, emitter } = this.#services
    if (this.#handlerEnded) return
    const { timeoutMs, name } = this.handler.definition
    if (this.#abortedBy === null) {
      this.abort(
        new JobTimeout(`job ${JSON.stringify(name)} ran longer than timeoutMs (${timeoutMs})`, {
          job: name,
          option: 'timeoutMs',
        }),
      )
    }
    if (this.#deaf) {
      emitter.emit('job.overrun', { ...this.facts(), runMs: clock.now() - this.startedAt })
      if (!this.#settling && !this.#settled) this.#settle(this.#outcomeWhenAborted(this.#abortedBy))
      return
    }
    this.#deaf = true
    this.dueAt = clock.now() + settings.abortGraceMs
    deadlines.add(this)
  }

  abort(reason: JobTimeout | LeaseLost | Shutdown): void {
    if (this.#abortedBy !== null || this.#handlerEnded) return
    this.#abortedBy = reason
    this.#context.abort(reason)
  }

  /** The lease ended under us: tell the handler, and settle nothing. */
  leaseLost(known: 'broker' | 'renewal' | 'deadline'): void {
    // While a settlement is under way its answer tells; what a transaction completed has no lease any more.
    if (this.#settled || this.#settling || this.#completedInTx) return
    this.#settled = true
    this.#services.emitter.emit('lease.lost', { ...this.facts(), known })
    this.#services.keeper.remove(this)
    const { name } = this.handler.definition
    this.abort(
      new LeaseLost(`the lease of job ${JSON.stringify(name)} ended: another worker may have it`, {
        job: name,
        jobId: this.opened.envelope.id,
      }),
    )
  }

  /** A stopping worker is out of patience: release it although its handler still runs. */
  abandon(): void {
    if (!this.#settling && !this.#settled) this.#settle({ kind: 'interrupted' })
  }

  get handlerEnded(): boolean {
    return this.#handlerEnded
  }

  /** Given back unfinished by a stopping worker. */
  get interrupted(): boolean {
    return this.#interrupted
  }

  async completeIn(tx: unknown): Promise<void> {
    const { capabilities, keeper } = this.#services
    const { name } = this.handler.definition
    if (!capabilities.transactions.value) {
      const { broker } = this.#services
      throw new UnsupportedError(
        `complete(tx) of job ${JSON.stringify(name)} on ${broker}: ${capabilities.transactions.why}. Make the effect ` +
          'idempotent by ctx.job.id or key, or use a broker that is your database',
        { job: name, jobId: this.opened.envelope.id, broker, option: 'tx' },
      )
    }
    if (this.#settled || this.#settling) throw this.#leaseEnded()
    const [result] = await this.#services.settleIn([{ kind: 'complete', delivery: this.delivery }], tx)
    if (result === 'settled') {
      this.#completedInTx = true
      // From here on the transaction holds the job; a renewal would find it gone, or wait for the user's row lock.
      keeper.remove(this)
      return
    }
    if (result instanceof BrokerError) throw result
    throw this.#leaseEnded()
  }

  #leaseEnded(): LeaseLost {
    return new LeaseLost('the lease of this job ended before its transaction: roll back', {
      job: this.handler.definition.name,
      jobId: this.opened.envelope.id,
    })
  }

  facts(): ReturnType<RunServices['factsOf']> {
    return this.#services.factsOf(this.opened)
  }

  #handlerDone(outcome: Outcome): void {
    if (this.#handlerEnded) return
    this.#handlerEnded = true
    this.#services.deadlines.remove(this)
    if (this.#settled) this.#end()
    else if (!this.#settling) this.#settle(this.#seen(outcome))
  }

  /** What an outcome means once the signal was aborted. */
  #seen(outcome: Outcome): Outcome {
    if (outcome.kind !== 'failed' || this.#abortedBy === null) return outcome
    const { error } = outcome
    if (error instanceof Reject || error instanceof RetryAfter || error instanceof Snooze) return outcome
    return this.#outcomeWhenAborted(this.#abortedBy)
  }

  #outcomeWhenAborted(reason: Error | null): Outcome {
    return reason instanceof Shutdown ? { kind: 'interrupted' } : { kind: 'failed', error: reason }
  }

  #settle(outcome: Outcome): void {
    const { clock, keeper } = this.#services
    this.#settling = true
    this.#interrupted = outcome.kind === 'interrupted'
    if (outcome.kind === 'completed' && this.#completedInTx) {
      keeper.remove(this)
      this.#settled = true
      tellDecision(this.#services, this.opened, { kind: 'complete' }, outcome, clock.now() - this.startedAt)
      this.#endIfHandlerEnded()
      return
    }
    const { definition } = this.handler
    const now = clock.now()
    const decision = decide(outcome, {
      note: this.opened.note,
      policy: definition.retry,
      repeatable: definition.key !== null || definition.idempotent,
      enqueuedAt: this.opened.envelope.enqueuedAt,
      now,
      random: clock.random,
    })
    const send = () => {
      keeper.remove(this)
      new SettleAttempt(this.#services, {
        opened: this.opened,
        decision,
        at: now,
        leaseEndsAt: this.renewedAt + this.#services.leaseMs,
        done: (result) => this.#answered(result, decision, outcome, now - this.startedAt),
      }).start()
    }
    // The lease is kept while the onDead job is enqueued: nobody else may bury this one meanwhile.
    if (decision.kind === 'dead' && definition.onDead !== null)
      void this.#services.followUp(this.opened, decision, definition.onDead).finally(send)
    else send()
  }

  #answered(result: SettleResult, decision: Decision, outcome: Outcome, ms: number): void {
    const { emitter } = this.#services
    this.#settled = true
    if (result === 'settled') tellDecision(this.#services, this.opened, decision, outcome, ms)
    else if (result === 'lost') emitter.emit('lease.lost', { ...this.facts(), known: 'settle' })
    else emitter.emit('settle.unknown', { ...this.facts(), wanted: wantedBy(decision), message: result.message })
    this.#endIfHandlerEnded()
  }

  #endIfHandlerEnded(): void {
    if (this.#handlerEnded) this.#end()
  }

  #end(): void {
    this.#services.ended(this)
  }
}
