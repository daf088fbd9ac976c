import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { CaseResult, Report } from '@switchyard/conformance'
import { cases, reportText, runIsolated, SubjectUnusable } from '@switchyard/conformance'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import { columns, printable, type Terminal } from '../terminal.ts'

interface RunOptions {
  readonly only?: string
  readonly json?: boolean
  readonly out?: string
  readonly repeat?: string
  readonly seed?: string
}

/**
 * `switchyard conformance run SUBJECT`: holds an adapter to its manifest. 0 all holds · 1 a clause is broken · 2 something could not be
 * checked, or clauses were left out · 3 no broker or no connection · 64 not a subject, an unknown clause, a hook that nothing calls.
 */
export async function conformanceRun(terminal: Terminal, subject: string, options: RunOptions): Promise<ExitCode> {
  const file = resolve(subject)
  if (!existsSync(file))
    throw new UsageError(
      `subject ${file} does not exist; it is a module that exports \`subject\` (see docs/writing-an-adapter.md)`,
    )
  const only = options.only?.split(',').map((id) => id.trim())
  const unknown = only?.filter((id) => !cases.some((one) => one.id === id)) ?? []
  if (unknown.length > 0) throw new UsageError(`no clause ${unknown.join(', ')}; see: switchyard conformance list`)
  const repeat = wholeNumber('--repeat', options.repeat)
  const seed = wholeNumber('--seed', options.seed)
  const report = await runIsolated(pathToFileURL(file).href, {
    ...(only === undefined ? {} : { only }),
    ...(repeat === undefined ? {} : { repeat }),
    ...(seed === undefined ? {} : { seed }),
    onPrint: (text) => terminal.err(printable(text.trimEnd())),
    onResult: (result) => {
      if (!options.json) terminal.out(line(result))
    },
  }).catch((error: unknown): ExitCode => {
    if (!(error instanceof SubjectUnusable)) throw error
    if (error.fault === 'definition') throw new UsageError(error.message, { cause: error })
    terminal.err(`switchyard: ${error.message}`)
    return EXIT.infrastructure
  })
  if (typeof report === 'number') return report
  if (options.out !== undefined) writeFileSync(options.out, reportText(report))
  if (options.json) terminal.out(JSON.stringify({ version: 1, ...report }))
  else terminal.out(`\n${summary(report)}`)
  return exitCodeOf(report)
}

/** `switchyard conformance list`: every clause of the contract. */
export async function conformanceList(terminal: Terminal, options: { readonly json?: boolean }): Promise<ExitCode> {
  if (options.json) terminal.out(JSON.stringify({ version: 1, clauses: cases.map(({ id, title }) => ({ id, title })) }))
  else
    terminal.out(
      columns(
        ['clause', 'rule'],
        cases.map(({ id, title }) => [id, title]),
      ),
    )
  return EXIT.ok
}

function exitCodeOf({ counts, unusedHooks, partial, ok }: Report): ExitCode {
  if (counts.failed + counts.timeout + counts.flaky + counts['stale-deviation'] > 0) return EXIT.violation
  if (counts['infra-error'] > 0) return EXIT.infrastructure
  if (unusedHooks.length > 0) return EXIT.usage
  return partial || !ok ? EXIT.inconclusive : EXIT.ok
}

function summary({ subject, counts, partial, results, suite, unusedHooks, printed }: Report): string {
  const told = Object.entries(counts)
    .filter(([status, count]) => count > 0 || status === 'passed' || status === 'failed')
    .map(([status, count]) => `${count} ${status}`)
  const lines = [`${printable(subject)}: ${told.join(', ')}`]
  if (partial) lines.push(`partial: ${results.length} of ${suite.clauses} clauses were run (exit code 2 at best)`)
  for (const hook of unusedHooks)
    lines.push(`the target has a hook ${printable(hook)} that no clause called: is its name right, is it needed?`)
  if (printed > 0) lines.push(`${printed} lines came on standard output of the adapter; a library prints nothing`)
  return lines.join('\n')
}

const MARKS: Readonly<Record<CaseResult['status'], string>> = {
  passed: '✓',
  failed: '✗',
  timeout: '✗',
  flaky: '✗',
  'stale-deviation': '✗',
  'infra-error': '!',
  deviation: '~',
  unverified: '?',
  'not-applicable': '-',
}

function line(result: CaseResult): string {
  const head = `${MARKS[result.status]} ${result.id.padEnd(4)} ${String(Math.round(result.ms)).padStart(6)} ms  ${result.title}`
  return result.why === undefined ? head : `${head}\n${' '.repeat(17)}${result.status}: ${printable(result.why)}`
}

function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1)
    throw new UsageError(`${option} must be a whole number of at least 1, not ${text}`)
  return value
}
