import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type CaseResult, cases, runCases } from '@switchyard/conformance'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import { columns, printable, type Terminal } from '../terminal.ts'

interface RunOptions {
  readonly only?: string
  readonly json?: boolean
}

/** `switchyard conformance run SUBJECT`: holds an adapter to its manifest; 1 when a clause fails, 2 when one could not be checked. */
export async function conformanceRun(terminal: Terminal, subject: string, options: RunOptions): Promise<ExitCode> {
  const file = resolve(subject)
  if (!existsSync(file))
    throw new UsageError(
      `subject ${file} does not exist; it is a module that exports \`subject\` (see docs/writing-an-adapter.md)`,
    )
  const only = options.only?.split(',').map((id) => id.trim())
  const unknown = only?.filter((id) => !cases.some((one) => one.id === id)) ?? []
  if (unknown.length > 0) throw new UsageError(`no clause ${unknown.join(', ')}; see: switchyard conformance list`)
  const module = pathToFileURL(file).href
  const loaded = (await import(module).catch((cause: unknown) => {
    throw new UsageError(
      `subject ${file} cannot be imported: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  })) as { readonly subject?: { readonly open?: unknown; readonly start?: unknown } }
  if (typeof loaded.subject?.open !== 'function' || typeof loaded.subject.start !== 'function') {
    throw new UsageError(
      `${file} must export \`subject\` with name, open() and start() (see docs/writing-an-adapter.md)`,
    )
  }
  const report = await runCases(module, {
    ...(only === undefined ? {} : { only }),
    onResult: (result) => {
      if (!options.json) terminal.out(line(result))
    },
  })
  if (options.json) terminal.out(JSON.stringify({ version: 1, partial: only !== undefined, ...report }))
  else {
    const { passed, failed, unverified } = report.counts
    const partial = only === undefined ? '' : `, partial: ${only.length} of ${cases.length} clauses`
    terminal.out(
      `\n${report.subject}: ${passed} passed, ${failed} failed, ${unverified} unverified, ${report.counts['not-applicable']} not applicable${partial}`,
    )
  }
  if (report.counts.failed > 0) return EXIT.violation
  return report.counts.unverified > 0 ? EXIT.inconclusive : EXIT.ok
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

const MARKS = { passed: '✓', failed: '✗', unverified: '?', 'not-applicable': '-' } as const

function line(result: CaseResult): string {
  const head = `${MARKS[result.status]} ${result.id.padEnd(4)} ${String(Math.round(result.ms)).padStart(6)} ms  ${result.title}`
  return result.why === undefined ? head : `${head}\n${' '.repeat(17)}${result.status}: ${printable(result.why)}`
}
