import type { CaseStatus } from '../case.ts'
import type { Report } from '../report.ts'

/** How one clause changed from one report to another. */
export interface Change {
  readonly id: string
  readonly before: CaseStatus | 'not run'
  readonly after: CaseStatus | 'not run'
  /** It held, and now it does not, or nobody knows, or it is not promised any more. */
  readonly regression: boolean
  readonly why?: string
}

/** Every clause whose status differs, in the order of the later report. */
export function diffReports(before: Report, after: Report): readonly Change[] {
  const resultIn = ({ results }: Report, id: string) => results.find((one) => one.id === id)
  const ids = new Set([...after.results, ...before.results].map(({ id }) => id))
  return [...ids].flatMap((id): Change[] => {
    const was: Change['before'] = resultIn(before, id)?.status ?? 'not run'
    const is: Change['after'] = resultIn(after, id)?.status ?? 'not run'
    if (was === is) return []
    const why = resultIn(after, id)?.why
    const change = { id, before: was, after: is, regression: isRegression(was, is) }
    return [why === undefined ? change : { ...change, why }]
  })
}

function isRegression(was: Change['before'], is: Change['after']): boolean {
  if (is === 'passed') return false
  if (was === 'passed') return true
  const broken: readonly string[] = ['failed', 'timeout', 'flaky', 'infra-error', 'stale-deviation']
  return broken.includes(is) && !broken.includes(was)
}
