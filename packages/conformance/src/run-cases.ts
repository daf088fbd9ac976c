import type { Case, CaseResult, CaseStatus } from './case.ts'
import { cases } from './cases/index.ts'
import { openSession } from './session.ts'

/** What to run and whom to tell. */
export interface RunOptions {
  /** Clause ids; absent: all. An unknown id is an error. */
  readonly only?: readonly string[]
  /** Called as each case ends. */
  onResult?(result: CaseResult): void
}

/** The outcome of one run against one broker. */
export interface Report {
  readonly subject: string
  readonly results: readonly CaseResult[]
  readonly counts: Readonly<Record<CaseStatus, number>>
  /** True when nothing failed and nothing is unverified. */
  readonly ok: boolean
}

/** Runs the cases against the subject that `subjectModule` (a file URL) exports. Rejects only when the broker cannot be started. */
export async function runCases(subjectModule: string, options: RunOptions = {}): Promise<Report> {
  const chosen = choose(options.only)
  await using session = await openSession(subjectModule)
  const results: CaseResult[] = []
  for (const one of chosen) {
    const result = await session.run(one)
    results.push(result)
    options.onResult?.(result)
  }
  const counts = { passed: 0, failed: 0, unverified: 0, 'not-applicable': 0 }
  for (const { status } of results) counts[status] += 1
  return { subject: session.subject.name, results, counts, ok: counts.failed + counts.unverified === 0 }
}

function choose(only: readonly string[] | undefined): readonly Case[] {
  if (only === undefined) return cases
  return only.map((id) => {
    const found = cases.find((one) => one.id === id)
    if (found === undefined)
      throw new RangeError(
        `there is no clause ${JSON.stringify(id)}; there are ${cases.map((one) => one.id).join(', ')}`,
      )
    return found
  })
}
