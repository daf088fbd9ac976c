import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SubjectUnusable } from '@switchyard/conformance'
import { runProperty } from '@switchyard/conformance/property'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import { printable, type Terminal } from '../terminal.ts'

interface PropertyRunOptions {
  readonly runs?: string
  readonly seed?: string
  readonly path?: string
  readonly json?: boolean
}

/** `switchyard conformance property SUBJECT`: generated sequences against a model; 1 with the smallest one that fails, its seed and its path. */
export async function conformanceProperty(
  terminal: Terminal,
  subject: string,
  options: PropertyRunOptions,
): Promise<ExitCode> {
  const file = resolve(subject)
  if (!existsSync(file)) throw new UsageError(`subject ${file} does not exist`)
  const runs = whole('--runs', options.runs ?? '20')
  const result = await runProperty(pathToFileURL(file).href, {
    runs,
    ...(options.seed === undefined ? {} : { seed: whole('--seed', options.seed) }),
    ...(options.path === undefined ? {} : { path: options.path }),
  }).catch((error: unknown): ExitCode => {
    if (!(error instanceof SubjectUnusable)) throw error
    if (error.fault === 'definition') throw new UsageError(error.message, { cause: error })
    terminal.err(`switchyard: ${error.message}`)
    return EXIT.infrastructure
  })
  if (typeof result === 'number') return result
  const { ok, seed, failure } = result
  if (options.json) terminal.out(JSON.stringify({ version: 1, ...result }))
  else if (failure === null)
    terminal.out(`${result.runs} sequences, seed ${seed}: every answer and every delivery was the model's`)
  else {
    terminal.out(`✗ ${printable(failure.why)}\n\nThe smallest sequence that fails:`)
    for (const [index, step] of failure.sequence.entries()) terminal.out(`  ${index + 1}. ${JSON.stringify(step)}`)
    terminal.out(`\nAgain: switchyard conformance property ${subject} --seed ${seed} --path ${failure.path} --runs 1`)
  }
  return ok ? EXIT.ok : EXIT.violation
}

function whole(option: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new UsageError(`${option} must be a whole number, not ${text}`)
  return value
}
