import type { CaseResult } from './case.ts'
import type { Json } from './subject.ts'

/** What the process that runs cases is told; one JSON argument. */
export interface RunTask {
  readonly subjectModule: string
  /** Clause ids in the order to run, repetitions included. */
  readonly ids: readonly string[]
  /** With the patience HASTY. */
  readonly hasty: boolean
}

/** What it says over IPC. */
export type RunMessage =
  | { readonly kind: 'importing' }
  | { readonly kind: 'starting'; readonly subject: string }
  | { readonly kind: 'case'; readonly id: string }
  /** Silent for so long at most from now on. */
  | { readonly kind: 'silent'; readonly ms: number }
  | { readonly kind: 'result'; readonly result: CaseResult }
  | { readonly kind: 'unusable'; readonly fault: 'definition' | 'infrastructure'; readonly why: string }
  | {
      readonly kind: 'end'
      readonly unusedHooks: readonly string[]
      readonly brokerVersion: string | null
      readonly manifest: Json
    }
