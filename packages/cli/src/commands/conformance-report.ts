import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Report } from '@switchyard/conformance'
import {
  cases,
  diffReports,
  htmlReport,
  junitReport,
  markdownReport,
  namedFor,
  readReport,
} from '@switchyard/conformance'
import { mutants } from '@switchyard/conformance/mutants'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import { columns, printable, type Terminal } from '../terminal.ts'

const FORMATS: Readonly<Record<string, (report: Report) => string>> = {
  markdown: markdownReport,
  junit: junitReport,
  html: htmlReport,
}

/** `switchyard conformance report FILE --format markdown|junit|html`: a saved report for people or for CI. */
export async function conformanceReport(
  terminal: Terminal,
  file: string,
  options: { readonly format?: string; readonly out?: string },
): Promise<ExitCode> {
  const render = FORMATS[options.format ?? 'markdown']
  if (render === undefined)
    throw new UsageError(`--format must be ${Object.keys(FORMATS).join(', ')}, not ${options.format}`)
  const text = render(read(file))
  if (options.out === undefined) terminal.out(text.trimEnd())
  else writeFileSync(options.out, text)
  return EXIT.ok
}

/** `switchyard conformance diff A B`: what changed from one saved report to the next; 1 when something that held does not hold any more. */
export async function conformanceDiff(
  terminal: Terminal,
  before: string,
  after: string,
  options: { readonly json?: boolean },
): Promise<ExitCode> {
  const [was, is] = [read(before), read(after)]
  const changes = diffReports(was, is)
  const regressions = changes.filter(({ regression }) => regression)
  if (was.suite.digest !== is.suite.digest)
    terminal.err('the reports were made by different suites: a change may be the suite, not the adapter')
  if (options.json) terminal.out(JSON.stringify({ version: 1, changes, regressions: regressions.length }))
  else if (changes.length === 0) terminal.out('no clause changed')
  else {
    const rows = changes.map(({ id, before, after, regression, why = '' }) => [
      id,
      before,
      after,
      regression ? 'regression' : '',
      why.split('\n')[0]?.slice(0, 80) ?? '',
    ])
    terminal.out(columns(['clause', 'before', 'after', '', 'why'], rows))
  }
  return regressions.length > 0 ? EXIT.violation : EXIT.ok
}

/** `switchyard conformance explain CLAUSE`: the rule, and the mistakes that it is known to catch: where to look first when it fails. */
export async function conformanceExplain(
  terminal: Terminal,
  clause: string,
  options: { readonly json?: boolean },
): Promise<ExitCode> {
  const found = cases.find(({ id }) => id.toLowerCase() === clause.toLowerCase())
  if (found === undefined) throw new UsageError(`no clause ${clause}; see: switchyard conformance list`)
  const { id, title } = found
  const catches = namedFor(id, mutants)
  if (options.json) terminal.out(JSON.stringify({ version: 1, id, title, catches }))
  else {
    terminal.out(`${id}: ${title}.\n`)
    terminal.out('Mistakes that it is known to catch; when it fails, look for these first:')
    for (const one of catches) terminal.out(`  - ${one}`)
    terminal.out(`\nAlone: switchyard conformance run SUBJECT --only ${id}`)
  }
  return EXIT.ok
}

function read(file: string): Report {
  if (!existsSync(file))
    throw new UsageError(`report ${file} does not exist; make one with: switchyard conformance run SUBJECT --out FILE`)
  try {
    return readReport(readFileSync(file, 'utf8'), file)
  } catch (cause) {
    throw new UsageError(printable(cause instanceof Error ? cause.message : String(cause)), { cause })
  }
}
