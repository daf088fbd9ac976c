import { systemClock } from '@switchyard/core/adapter'
import type { BenchParts } from './bench.ts'
import { openBench } from './bench.ts'
import type { Case, CaseResult } from './case.ts'
import { ClauseBroken, NotApplicable, Unverified } from './case.ts'
import type { Subject } from './subject.ts'
import type { Patience } from './waits.ts'
import { PATIENT } from './waits.ts'

/** One broker under test, started; cases run one after the other, because some of them cut and kill it. */
export interface Session extends AsyncDisposable {
  readonly subject: Subject
  /** Never rejects: what a case throws is its result. */
  run(one: Case): Promise<CaseResult>
}

/** How a session waits. */
export interface SessionOptions {
  /** Default `PATIENT`. */
  readonly patience?: Patience
}

/** Imports the subject and starts its broker. Rejects when either fails: an infrastructure failure is never a skip. */
export async function openSession(subjectModule: string, options: SessionOptions = {}): Promise<Session> {
  const { subject } = (await import(subjectModule)) as { readonly subject?: Subject }
  if (subject === undefined)
    throw new TypeError(`${subjectModule} must export \`const subject: Subject\` (see @switchyard/conformance)`)
  return sessionOf(subject, subjectModule, options)
}

/** The same for a subject in hand; `subjectModule` is what child processes import. */
export async function sessionOf(
  subject: Subject,
  subjectModule: string,
  { patience = PATIENT }: SessionOptions = {},
): Promise<Session> {
  const target = await subject.start()
  return {
    subject,
    run: (one) => runCase(one, { subject, subjectModule, target, patience }),
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  }
}

async function runCase(one: Case, parts: Omit<BenchParts, 'caseId' | 'facts'>): Promise<CaseResult> {
  const { id, title } = one
  const facts: Record<string, number | string> = {}
  const startedAt = performance.now()
  const ended = (error: unknown): CaseResult => {
    const ms = Math.round(performance.now() - startedAt)
    if (error === undefined) return { id, title, status: 'passed', ms, facts }
    const why = error instanceof Error ? error.message : String(error)
    if (error instanceof NotApplicable) return { id, title, status: 'not-applicable', why, ms, facts }
    if (error instanceof Unverified) return { id, title, status: 'unverified', why, ms, facts }
    const full = error instanceof ClauseBroken ? why : error instanceof Error ? (error.stack ?? why) : why
    return { id, title, status: 'failed', why: full, ms, facts }
  }

  let failure: unknown
  try {
    const bench = await openBench({ ...parts, caseId: id, facts })
    const { caseMs } = bench.waits
    try {
      await limited(one.run(bench), caseMs, `the case did not end within ${caseMs} ms: a call hangs`)
    } catch (error) {
      failure = error ?? new ClauseBroken('the case threw nothing at all')
    }
    const tidy = limited(
      Promise.resolve(bench[Symbol.asyncDispose]()),
      30_000,
      'closing the adapter did not end within 30000 ms',
    )
    await tidy.catch((error: unknown) => {
      failure ??= error
    })
  } catch (error) {
    failure = error
  }
  return ended(failure)
}

/** Rejects with ClauseBroken when `work` takes longer; `work` itself goes on, its late failure has been answered here. */
async function limited(work: Promise<void>, limitMs: number, message: string): Promise<void> {
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = systemClock.schedule(limitMs, () => reject(new ClauseBroken(message)))
  })
  try {
    await Promise.race([work, late])
  } finally {
    cancel()
  }
}
