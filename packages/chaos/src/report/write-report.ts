import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChaosRun } from './chaos-run.ts'
import { renderReport } from './render-report.ts'
import { resultsOf } from './results.ts'

/** The files of a run, beside its `history/`. */
export interface ReportFiles {
  readonly report: string
  readonly results: string
  readonly plan: string
}

/** Writes `report.html`, `results.json` and `plan.json` into the folder of the run. */
export function writeReport(dir: string, run: ChaosRun): ReportFiles {
  const files = { report: join(dir, 'report.html'), results: join(dir, 'results.json'), plan: join(dir, 'plan.json') }
  writeFileSync(files.report, renderReport(run))
  writeFileSync(files.results, `${JSON.stringify(resultsOf(run), null, 2)}\n`)
  writeFileSync(files.plan, `${JSON.stringify(run.plan, null, 2)}\n`)
  return files
}
