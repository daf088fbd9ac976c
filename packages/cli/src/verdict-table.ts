import type { ChaosRun } from '@switchyard/chaos'
import { columns, printable } from './terminal.ts'

/** Violations shown per rule; the report has all. */
const SHOWN = 3

/** The verdict of a run for people: every rule, what it judged, and the first violations. */
export function verdictTable(run: ChaosRun): string {
  const { verdict, findings } = run.judgement
  const rows = findings.map((finding) => [
    MARKS[finding.verdict],
    finding.checker,
    `${finding.judged}/${finding.of}`,
    finding.rule,
  ])
  const details = findings.flatMap((finding) => [
    ...finding.violations.slice(0, SHOWN).map((violation) => `  ${finding.checker}: ${printable(violation.what)}`),
    ...(finding.violations.length > SHOWN
      ? [`  ${finding.checker}: and ${finding.violations.length - SHOWN} more in the report`]
      : []),
    ...(finding.verdict === 'inconclusive'
      ? finding.notes.map((note) => `  ${finding.checker}: ${printable(note)}`)
      : []),
  ])
  const seconds = (run.tookMs / 1_000).toFixed(1)
  const met = findings.find(({ checker }) => checker === 'sufficiency')
  const uncounted = findings.find(({ checker }) => checker === 'no-loss')?.notes.slice(1) ?? []
  return [
    columns(['', 'rule', 'judged', 'means'], rows),
    ...(details.length > 0 ? ['', ...details] : []),
    ...neverStruck(run),
    '',
    ...(met?.verdict === 'pass' ? [`it met  ${met.notes.join(', ')}`] : []),
    ...uncounted.map((note) => `census  ${printable(note)}`),
    `verdict ${verdict}  seed ${run.seed}  ${seconds}s  ${printable(run.broker)}`,
  ].join('\n')
}

/** Faults at the point `effect` strike when a sink of the harness hears of an effect: an app that reports none live never meets them. */
function neverStruck({ plan, history }: ChaosRun): readonly string[] {
  const struck = new Set(history.events.flatMap((event) => (event.kind === 'fault.inject' ? [event.fault] : [])))
  const waiting = plan.faults.filter((fault) => fault.at.point === 'effect' && !struck.has(fault.id))
  if (waiting.length === 0) return []
  const what = `${waiting.length} planned faults wait for an effect that is reported while its job runs, and met none.`
  return [`  ${what}`, '  Let handlers POST their effects to world.ledgerUrl: see packages/chaos/README.md.']
}

const MARKS = { pass: '✓ pass', fail: '✗ FAIL', inconclusive: '? open' } as const
