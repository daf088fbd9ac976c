import { cases } from '../cases/index.ts'
import { mutants } from '../mutants/index.ts'
import type { Mutant } from '../mutants/mutant.ts'
import { sessionOf } from '../session.ts'
import type { Subject } from '../subject.ts'
import { SUITE_DIGEST } from '../suite-digest.ts'
import { HASTY } from '../waits.ts'
import type { MakeBroker } from './over-memory.ts'
import { MANIFESTS, subjectOver } from './over-memory.ts'

/** One subject of the self-test, healthy or broken, and the clauses that failed on it, each with its reason. */
export interface MatrixRow {
  readonly id: string
  readonly title: string
  readonly healthy: boolean
  /** Clauses that must fail. */
  readonly named: readonly string[]
  readonly failed: Readonly<Record<string, string>>
  /** Clauses that passed. */
  readonly passed: readonly string[]
}

/** Who catches whom, and whether that is everybody. */
export interface KillMatrix {
  readonly digest: string
  readonly clauses: readonly string[]
  readonly rows: readonly MatrixRow[]
  /** What is wrong with the suite, one sentence each; empty: it has proved itself. */
  readonly problems: readonly string[]
}

/** They mostly wait, each on a broker of its own; with more at once the event loop is late, and lateness is what some clauses measure. */
const AT_ONCE = 40

/** Does nothing, or refuses everything: may be green nowhere, and proves nothing about a clause. */
const BLUNT: ReadonlySet<string> = new Set(['M-null', 'M-refuse-all'])

/**
 * Runs every clause on every mutant and on healthy memory under every manifest: each mutant must fail the clauses that it names,
 * each clause must be failed by a mutant that is not simply dead, nothing may fail on what is healthy. About a minute.
 */
export async function selfTest(make: MakeBroker, onRow: (row: MatrixRow) => void = () => {}): Promise<KillMatrix> {
  const healthy = Object.keys(MANIFESTS) as Mutant['over'][]
  const jobs = [
    ...healthy.map((over) => ({ subject: subjectOver(make, over), mutant: undefined, over })),
    ...mutants.map((mutant) => ({ subject: subjectOver(make, mutant.over, mutant), mutant, over: mutant.over })),
  ]
  const rows = new Map<string, MatrixRow>()
  const waiting = jobs.values()
  const work = async () => {
    for (const { subject, mutant, over } of waiting) {
      const row: MatrixRow = {
        id: subject.name,
        title: mutant?.title ?? `nothing is wrong, manifest ${over}`,
        healthy: mutant === undefined,
        named: mutant?.killedBy ?? [],
        ...(await outcomes(subject)),
      }
      rows.set(row.id, row)
      onRow(row)
    }
  }
  const stray: string[] = []
  const onStray = (reason: unknown) => {
    stray.push(`a rejection was left unhandled: ${reason instanceof Error ? (reason.stack ?? reason.message) : reason}`)
  }
  process.on('unhandledRejection', onStray)
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  } finally {
    process.off('unhandledRejection', onStray)
  }
  const ordered = jobs.flatMap(({ subject }) => rows.get(subject.name) ?? [])
  return {
    digest: SUITE_DIGEST,
    clauses: cases.map(({ id }) => id),
    rows: ordered,
    problems: [...problemsOf(ordered), ...stray],
  }
}

async function outcomes(subject: Subject): Promise<Pick<MatrixRow, 'failed' | 'passed'>> {
  await using session = await sessionOf(subject, import.meta.url, { patience: HASTY })
  const failed: Record<string, string> = {}
  const passed: string[] = []
  for (const one of cases) {
    const { status, why = status } = await session.run(one)
    if (status === 'passed') passed.push(one.id)
    else if (status !== 'not-applicable') failed[one.id] = `${status}: ${why}`
  }
  return { failed, passed }
}

/** Judges a matrix; apart so that it can be tested with made-up rows. */
export function problemsOf(rows: readonly MatrixRow[]): readonly string[] {
  const problems: string[] = []
  const sharp = rows.filter(({ id, healthy }) => !healthy && !BLUNT.has(id))
  for (const { id, healthy, failed, named, passed } of rows) {
    if (healthy)
      for (const [clause, why] of Object.entries(failed)) problems.push(`${id} is accused by ${clause}: ${why}`)
    const missed = named.filter((clause) => failed[clause] === undefined)
    if (missed.length > 0) problems.push(`${id} survives ${missed.join(', ')}`)
    if (BLUNT.has(id) && passed.length > 0) problems.push(`${id} is green in ${passed.join(', ')}`)
  }
  for (const { id } of cases)
    if (!sharp.some(({ failed }) => failed[id] !== undefined)) problems.push(`no mutant can make ${id} fail`)
  return problems
}

/** The matrix as a Markdown table: x where a clause fails, X where it is named. */
export function matrixTable({ clauses, rows, digest }: KillMatrix): string {
  const cell = ({ failed, named }: MatrixRow, clause: string) =>
    failed[clause] === undefined ? ' ' : named.includes(clause) ? 'X' : 'x'
  return [
    `Suite ${digest}`,
    '',
    `| | ${clauses.join(' | ')} |`,
    `| --- |${clauses.map(() => ' --- |').join('')}`,
    ...rows.map((row) => `| ${row.id} | ${clauses.map((clause) => cell(row, clause)).join(' | ')} |`),
  ].join('\n')
}
