import type { Case, CaseResult } from './case.ts'
import { cases } from './cases/index.ts'
import { combined, rounds } from './repeat.ts'
import type { Report } from './report.ts'
import { manifestJson, reportOf } from './report.ts'
import type { SessionOptions } from './session.ts'
import { openSession } from './session.ts'

/** What to run and whom to tell. */
export interface RunOptions {
  /** Clause ids; absent: all. An unknown id is an error. */
  readonly only?: readonly string[]
  /** Run every case so many times (default 1); one that does not always end alike is `flaky`. */
  readonly repeat?: number
  /** Shuffle every round, from this seed; absent: in order. */
  readonly seed?: number
  /** Called as each case ends, once per repetition. */
  onResult?(result: CaseResult): void
}

/**
 * Runs the cases in this process against the subject that `subjectModule` (a file URL) exports. Rejects with SubjectUnusable when
 * the broker cannot be started. An adapter that blocks or ends its process takes this one along: `runIsolated` does not.
 */
export async function runCases(
  subjectModule: string,
  options: RunOptions = {},
  session: SessionOptions = {},
): Promise<Report> {
  const chosen = chosenCases(options.only)
  const { repeat = 1, seed = null } = options
  const startedAt = new Date()
  await using open = await openSession(subjectModule, session)
  const results: CaseResult[] = []
  for (const one of rounds(chosen, { repeat, seed })) {
    const result = await open.run(one)
    results.push(result)
    options.onResult?.(result)
  }
  return reportOf({
    subject: open.subject.name,
    run: { only: options.only ?? null, repeat, seed },
    results: combined(chosen, results),
    unusedHooks: open.unusedHooks(),
    printed: 0,
    brokerVersion: open.brokerVersion,
    manifest: manifestJson(open.manifest()),
    startedAt,
    clauses: cases.length,
  })
}

/** The cases with these ids, in that order; all when absent. Throws RangeError for an id that does not exist. */
export function chosenCases(only: readonly string[] | undefined): readonly Case[] {
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
