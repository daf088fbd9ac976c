import type { Verdict } from '@switchyard/conformance/history'
import { ChaosError } from './chaos-error.ts'

/** Exit code of a run by its verdict (design.md 6): 0 pass, 1 fail, 2 inconclusive. */
export function exitCodeOf(verdict: Verdict): 0 | 1 | 2 {
  return verdict === 'pass' ? 0 : verdict === 'fail' ? 1 : 2
}

/** Exit code of a run that came to no verdict: 64 wrong use, 3 steady state not met, 70 anything else. */
export function exitCodeOfError(error: unknown): 3 | 64 | 70 {
  if (!(error instanceof ChaosError)) return 70
  return error.code === 'usage' ? 64 : error.code === 'steady-state' ? 3 : 70
}
