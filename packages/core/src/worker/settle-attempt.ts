import type { Settlement, SettleResult } from '../adapter/adapter.ts'
import type { BrokerError } from '../adapter/broker-error.ts'
import type { Run } from './run.ts'
import type { RunServices } from './run-services.ts'

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 2_000
/** A dead letter that the broker refuses waits this long in its own queue before it is tried again. */
const REFUSED_WAIT_MS = 60_000

/**
 * Settles one run and repeats what the broker did not answer, while the lease lasts: repeating is safe, since a settlement
 * that was applied answers `lost`. A dead letter that the broker refuses for good (too large) is put back, not dropped.
 */
export class SettleAttempt {
  readonly #services: RunServices
  readonly #run: Run
  readonly #done: (result: SettleResult) => void
  #settlement: Settlement
  #waitMs = FIRST_WAIT_MS
  #unknown: BrokerError | null = null

  constructor(services: RunServices, run: Run, settlement: Settlement, done: (result: SettleResult) => void) {
    this.#services = services
    this.#run = run
    this.#settlement = settlement
    this.#done = done
  }

  start(): void {
    this.#services.settler.add(this.#settlement, (result) => this.#answered(result))
  }

  #answered(result: SettleResult): void {
    if (result === 'settled') this.#done(result)
    else if (result === 'lost') {
      // After an unknown answer `lost` may mean that the first one was applied: nobody can tell, so say that.
      this.#done(this.#unknown ?? result)
    } else this.#failed(result)
  }

  #failed(error: BrokerError): void {
    const { clock, leaseMs } = this.#services
    if (error.maybeApplied) this.#unknown = error
    const left = this.#run.renewedAt + leaseMs - clock.now()
    const mayRepeat = error.retryable || error.maybeApplied
    if (mayRepeat && left > this.#waitMs) {
      clock.schedule(this.#waitMs, () => this.start())
      this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2)
    } else if (!mayRepeat && this.#settlement.kind === 'move') {
      this.#services.emitter.emit('settle.unknown', { ...this.#run.facts(), wanted: 'move', message: error.message })
      this.#settlement = { kind: 'release', delivery: this.#run.delivery, delayMs: this.#refusedWait() }
      this.start()
    } else this.#done(error)
  }

  #refusedWait(): number {
    return Math.min(REFUSED_WAIT_MS, this.#services.capabilities.maxReleaseDelayMs.value)
  }
}
