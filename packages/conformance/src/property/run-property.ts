import fc from 'fast-check'
import type { SessionOptions } from '../session.ts'
import { openSession } from '../session.ts'
import type { Operation } from './operation.ts'
import { operations } from './operation.ts'
import { play } from './play.ts'

/** How much to try, and how to try it again. */
export interface PropertyOptions {
  /** Sequences; default 20. */
  readonly runs?: number
  /** Steps of a sequence at most; default 30. */
  readonly longest?: number
  /** From a failure: the same sequences again. */
  readonly seed?: number
  /** From a failure, with its seed: straight to the smallest sequence that fails. */
  readonly path?: string
}

/** What came of it. */
export interface PropertyResult {
  readonly ok: boolean
  readonly runs: number
  readonly seed: number
  /** The smallest sequence that fails, why it does, and the path to it. */
  readonly failure: { readonly path: string; readonly sequence: readonly Operation[]; readonly why: string } | null
}

/**
 * Plays generated sequences on the subject that `subjectModule` exports. A failure is shrunk; its seed and path play it again. Rejects with
 * SubjectUnusable when the broker cannot be started.
 */
export async function runProperty(
  subjectModule: string,
  options: PropertyOptions = {},
  session: SessionOptions = {},
): Promise<PropertyResult> {
  const { runs = 20, longest = 30, seed, path } = options
  await using open = await openSession(subjectModule, session)
  let why = ''
  const property = fc.asyncProperty(operations(longest), async (sequence) => {
    const title = 'every answer and every delivery is the model’s'
    const result = await open.run({ id: 'P1', title, run: (bench) => play(bench, sequence) })
    if (result.status === 'passed') return
    why = `${result.status}: ${result.why ?? ''}`
    throw new Error(why)
  })
  const checked = await fc.check(property, {
    numRuns: runs,
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path }),
  })
  const sequence = checked.counterexample?.[0] ?? []
  return {
    ok: !checked.failed,
    runs: checked.numRuns,
    seed: checked.seed,
    failure: checked.failed
      ? { path: checked.counterexamplePath ?? '', sequence, why: messageOf(checked.errorInstance, why) }
      : null,
  }
}

function messageOf(error: unknown, otherwise: string): string {
  return error instanceof Error ? error.message : otherwise
}
