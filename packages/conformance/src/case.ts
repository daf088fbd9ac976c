import type { Bench } from './bench.ts'

/** One numbered clause of the contract, as data. It names no broker: it reads `bench.capabilities` only. */
export interface Case {
  /** Clause id, stable for ever, e.g. `A1`. Retired ids are never used again. */
  readonly id: string
  /** The rule as a sentence. */
  readonly title: string
  /** Resolves when the clause holds; throws what is wrong. */
  run(bench: Bench): Promise<void>
}

/**
 * How a case can end. `failed`: the clause is broken; `timeout`: a call hangs (also a failure, but it says less); `infra-error`: no
 * connection was ever made, so that nothing is known; `deviation`: fails, and the subject says why; `stale-deviation`: listed as failing,
 * and does not; `flaky`: repetitions disagree; `unverified`: a hook is missing and nobody said why; `not-applicable`: the manifest or the
 * target says that there is nothing to check.
 */
export const CASE_STATUSES = [
  'passed',
  'failed',
  'timeout',
  'infra-error',
  'deviation',
  'stale-deviation',
  'flaky',
  'unverified',
  'not-applicable',
] as const

/** One of CASE_STATUSES. */
export type CaseStatus = (typeof CASE_STATUSES)[number]

/** How one case ended. `why` is present unless it passed. */
export interface CaseResult {
  readonly id: string
  readonly title: string
  readonly status: CaseStatus
  readonly why?: string
  readonly ms: number
  /** What was measured on the way (delay error, slowest abort, duplicates), for the report. */
  readonly facts: Readonly<Record<string, number | string>>
}

/** Thrown by a case: the adapter broke the clause. */
export class ClauseBroken extends Error {
  override readonly name = 'ClauseBroken'
}

/** Thrown by a case: nothing to check here, because the manifest or the target says so. */
export class NotApplicable extends Error {
  override readonly name = 'NotApplicable'
}

/** Thrown by a case: it could not be checked, and nobody declared why. */
export class Unverified extends Error {
  override readonly name = 'Unverified'
}

/** Thrown by the runner: something did not end within its budget. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime'
}

/** Thrown by the bench: no connection, and there never was one, so that the adapter cannot be judged. */
export class NeverConnected extends Error {
  override readonly name = 'NeverConnected'
}
