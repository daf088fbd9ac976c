/** Why a run could not be carried out: wrong use, a broker that is not empty or not there, or a fault of the harness. */
export type ChaosErrorCode = 'usage' | 'steady-state' | 'harness'

/** A run that came to no judgement at all. Exit codes of design.md 6: usage 64, steady state 3, harness 70. */
export class ChaosError extends Error {
  override readonly name = 'ChaosError'
  readonly code: ChaosErrorCode

  constructor(code: ChaosErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
