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

/** `unverified`: a hook is missing and nobody said why. `not-applicable`: the manifest or the target says that there is nothing to check. */
export type CaseStatus = 'passed' | 'failed' | 'unverified' | 'not-applicable'

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
