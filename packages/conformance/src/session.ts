import type { BenchParts } from './bench.ts'
import { openBench } from './bench.ts'
import type { Case, CaseResult, CaseStatus } from './case.ts'
import { ClauseBroken, NeverConnected, NotApplicable, OutOfTime, Unverified } from './case.ts'
import { countHooks } from './counted-hooks.ts'
import { limited } from './limited.ts'
import { checkedSubject, loadSubject, startTarget } from './load-subject.ts'
import type { Deviation, Subject } from './subject.ts'
import type { Patience } from './waits.ts'
import { PATIENT } from './waits.ts'
import { watchProcess } from './watch-process.ts'

/** One broker under test, started; cases run one after the other, because some of them cut and kill it. */
export interface Session extends AsyncDisposable {
  readonly subject: Subject
  /** Version of the broker, if the target tells. */
  readonly brokerVersion: string | null
  /** What the adapter declares; null until a connection was made. */
  readonly manifest: () => BenchParts['connected']['manifest']
  /** Never rejects: what a case throws is its result. */
  run(one: Case): Promise<CaseResult>
  /** Hooks of the target that no case has called so far. */
  unusedHooks(): readonly string[]
}

/** How a session waits and looks. */
export interface SessionOptions {
  /** Default `PATIENT`. */
  readonly patience?: Patience
  /** Rejections that nobody handles and exceptions that nobody catches fail the case that runs. Only where one session has the process for itself. */
  readonly watchProcess?: boolean
  /** Told how long the session may now be silent at most: a watchdog outside the process can act when it is longer. */
  silentFor?(ms: number): void
}

/** Longer than every connectDeadlineMs of the suite. */
const OPEN_MS = 20_000
const TIDY_MS = 30_000

/** Imports the subject and starts its broker. Rejects with SubjectUnusable when either fails: that is never a skip. */
export async function openSession(subjectModule: string, options: SessionOptions = {}): Promise<Session> {
  return sessionOf(await loadSubject(subjectModule), subjectModule, options)
}

/** The same for a subject in hand; `subjectModule` is what child processes import. */
export async function sessionOf(
  subject: Subject,
  subjectModule: string,
  options: SessionOptions = {},
): Promise<Session> {
  const { patience = PATIENT } = options
  checkedSubject(subject, subjectModule)
  const { target, unused } = countHooks(await startTarget(subject, subjectModule))
  const connected: BenchParts['connected'] = { manifest: null }
  const deviations = new Map((subject.deviations ?? []).map((one) => [one.clause, one]))
  return {
    subject,
    brokerVersion: target.version ?? null,
    manifest: () => connected.manifest,
    async run(one) {
      const result = await runCase(one, { subject, subjectModule, target, patience, connected }, options)
      return deviating(result, deviations.get(one.id))
    },
    unusedHooks: unused,
    [Symbol.asyncDispose]: () =>
      limited(
        Promise.resolve(target[Symbol.asyncDispose]()),
        TIDY_MS,
        `the target of ${subject.name} did not stop within ${TIDY_MS} ms`,
      ),
  }
}

async function runCase(
  one: Case,
  parts: Omit<BenchParts, 'caseId' | 'facts'>,
  { silentFor = () => {}, watchProcess: watching = false }: SessionOptions,
): Promise<CaseResult> {
  const { id, title } = one
  const facts: Record<string, number | string> = {}
  const startedAt = performance.now()
  using stray = watchProcess(watching)
  let failure: unknown
  try {
    silentFor(OPEN_MS)
    const opening = openBench({ ...parts, caseId: id, facts })
    const bench = await limited(opening, OPEN_MS, `opening the adapter did not end within ${OPEN_MS} ms`)
    const { caseMs } = bench.waits
    silentFor(caseMs + TIDY_MS)
    try {
      await limited(one.run(bench), caseMs, `the case did not end within ${caseMs} ms: a call hangs`)
    } catch (error) {
      failure = error ?? new ClauseBroken('the case threw nothing at all')
    }
    const tidy = Promise.resolve(bench[Symbol.asyncDispose]())
    await limited(tidy, TIDY_MS, `closing the adapter did not end within ${TIDY_MS} ms`).catch((error: unknown) => {
      failure ??= error
    })
  } catch (error) {
    failure = error ?? new ClauseBroken('opening the adapter threw nothing at all')
  }
  await stray.settled()
  failure = stray.first() ?? failure
  const ms = Math.round(performance.now() - startedAt)
  if (failure === undefined) return { id, title, status: 'passed', ms, facts }
  return { id, title, ...verdictOf(failure), ms, facts }
}

function verdictOf(failure: unknown): { readonly status: CaseStatus; readonly why: string } {
  const why = failure instanceof Error ? failure.message : String(failure)
  if (failure instanceof NotApplicable) return { status: 'not-applicable', why }
  if (failure instanceof Unverified) return { status: 'unverified', why }
  if (failure instanceof OutOfTime) return { status: 'timeout', why }
  if (failure instanceof NeverConnected) return { status: 'infra-error', why }
  if (failure instanceof ClauseBroken) return { status: 'failed', why }
  return { status: 'failed', why: failure instanceof Error ? (failure.stack ?? why) : why }
}

function deviating(result: CaseResult, deviation: Deviation | undefined): CaseResult {
  if (deviation === undefined) return result
  const { status, why = '' } = result
  const said = `${deviation.reason}${deviation.upstream === undefined ? '' : ` (${deviation.upstream})`}`
  if (status === 'failed' || status === 'timeout')
    return { ...result, status: 'deviation', why: `${said}; seen: ${why}` }
  if (status === 'passed' || status === 'not-applicable')
    return {
      ...result,
      status: 'stale-deviation',
      why: `listed as a deviation (${said}), but it is ${status} now: remove it`,
    }
  return result
}
