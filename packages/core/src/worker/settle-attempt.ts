import type { Settlement, SettleResult } from '../adapter/adapter.ts'
import type { BrokerError } from '../adapter/broker-error.ts'
import type { Decision } from '../policy/decide.ts'
import { encodeNote } from '../policy/note.ts'
import { type Opened, smallerMove, toSettlement } from '../policy/settlement.ts'
import type { RunServices } from './run-services.ts'

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 2_000
/** A dead letter that the broker refuses waits this long in its own queue before it is tried again. */
const REFUSED_WAIT_MS = 60_000

/** What is to be settled, and who is told. */
export interface SettleOrder {
  readonly opened: Opened
  readonly decision: Decision
  /** When it was decided (epoch ms, host clock); delays count from here. */
  readonly at: number
  /** Epoch ms on the host clock. */
  readonly leaseEndsAt: number
  /** Called exactly once: settled, lost, or the error after which nobody knows. */
  readonly done: (result: SettleResult) => void
}

/**
 * Settles one lease and repeats what the broker did not answer, while the lease lasts: repeating is safe, since a settlement
 * that was applied answers `lost`. A dead letter that the broker refuses for good is made smaller, and at last put back
 * with a note that says that it is dead: it is not dropped, and no handler runs it again.
 */
export class SettleAttempt {
  readonly #services: RunServices
  readonly #order: SettleOrder
  #settlement: Settlement
  #waitMs = FIRST_WAIT_MS
  #unknown: BrokerError | null = null
  #refused: BrokerError | null = null
  #smallest = false

  constructor(services: RunServices, order: SettleOrder) {
    this.#services = services
    this.#order = order
    this.#settlement = toSettlement(order.decision, order.opened, services.capabilities, order.at)
  }

  start(): void {
    this.#services.settler.add(this.#settlement, (result) => this.#answered(result))
  }

  #answered(result: SettleResult): void {
    const { done } = this.#order
    // Put back instead of moved is not what was decided: then the refusal is the answer.
    if (result === 'settled') done(this.#refused ?? result)
    // After an unknown answer `lost` may mean that the first one was applied: nobody can tell, so say that.
    else if (result === 'lost') done(this.#unknown ?? result)
    else this.#failed(result)
  }

  #failed(error: BrokerError): void {
    const { clock } = this.#services
    const { done, leaseEndsAt } = this.#order
    if (error.maybeApplied) this.#unknown = error
    if (error.retryable || error.maybeApplied) {
      if (leaseEndsAt - clock.now() <= this.#waitMs) {
        done(this.#refused ?? error)
        return
      }
      clock.schedule(this.#waitMs, () => this.start())
      this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2)
    } else if (this.#settlement.kind !== 'move' || error.code === 'closed') done(this.#refused ?? error)
    else this.#refusedMove(error)
  }

  #refusedMove(error: BrokerError): void {
    const { decision, opened, at } = this.#order
    if (error.code === 'too-large' && !this.#smallest && decision.kind === 'dead') {
      this.#smallest = true
      this.#settlement = smallerMove(decision, opened, at)
    } else {
      this.#refused = error
      this.#settlement = this.#putBack()
    }
    this.start()
  }

  #putBack(): Settlement {
    const { decision, opened } = this.#order
    const { note: notes, maxReleaseDelayMs } = this.#services.capabilities
    const release = {
      kind: 'release',
      delivery: opened.delivery,
      delayMs: Math.min(REFUSED_WAIT_MS, maxReleaseDelayMs.value),
    } as const
    if (notes.value === 'unsupported' || decision.kind !== 'dead') return release
    return { ...release, note: encodeNote({ ...decision.note, notBefore: 0, buried: decision.reason }) }
  }
}
