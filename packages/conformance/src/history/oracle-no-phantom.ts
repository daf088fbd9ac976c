import { type Finding, findingOf, type Violation } from './finding.ts'
import type { HistoryEvent } from './history-event.ts'
import type { JobTrail, Timeline } from './timeline.ts'

/**
 * Every job that ran was enqueued, by its own name, with the payload that arrived; and none whose enqueue had definitely
 * failed ran (research/chaos.md N2, N21). One whose enqueue ended unknown may run.
 */
export function noPhantom(timeline: Timeline): Finding {
  const violations: Violation[] = []
  let blind = 0
  const ran = [...timeline.jobs.values()].filter((trail) => trail.executions.length > 0)
  for (const trail of ran) {
    violations.push(...phantomsOf(trail))
    if (trail.executions.every(({ start }) => start.digest === null)) blind += 1
  }
  return findingOf({
    checker: 'no-phantom',
    rule: 'Every job that ran was enqueued, and its payload arrived unchanged.',
    judged: ran.length - blind,
    of: ran.length,
    violations,
    notes: blind > 0 ? [`the payload of ${blind} jobs could not be compared`] : [],
  })
}

function phantomsOf(trail: JobTrail): Violation[] {
  const first = trail.executions[0]
  if (first === undefined) return []
  const found = (what: string, ...evidence: HistoryEvent[]): Violation => ({ job: trail.job, what, evidence })
  const [enqueue] = trail.enqueues
  if (enqueue === undefined) return [found('ran, but nobody had enqueued it', first.start)]
  if (trail.enqueues.every(({ result }) => result?.kind === 'enqueue.fail')) {
    const results = trail.enqueues.flatMap(({ result }) => (result === null ? [] : [result]))
    return [found('ran, although its enqueue had definitely failed', ...results, first.start)]
  }
  const violations: Violation[] = []
  for (const { start } of trail.executions) {
    if (start.atMs < enqueue.invoke.atMs)
      violations.push(found('started before it was enqueued', enqueue.invoke, start))
    if (start.name !== enqueue.invoke.name) {
      violations.push(found(`enqueued as ${enqueue.invoke.name}, ran as ${start.name}`, enqueue.invoke, start))
    }
    // Several enqueues of one key are one job with several numbers.
    if (start.n !== null && !trail.enqueues.some(({ invoke }) => invoke.n === start.n)) {
      violations.push(found(`carries number ${start.n}, was enqueued as ${enqueue.invoke.n}`, enqueue.invoke, start))
    }
    if (start.digest !== null && !trail.enqueues.some(({ invoke }) => invoke.digest === start.digest)) {
      violations.push(found('its payload arrived changed', enqueue.invoke, start))
    }
  }
  return violations
}
