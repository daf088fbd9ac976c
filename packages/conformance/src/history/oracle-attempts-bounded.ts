import { type Finding, findingOf, type Violation } from './finding.ts'
import type { ExecutionTrail, JobTrail, Timeline } from './timeline.ts'

/**
 * No job is tried more often than its definition allows: the attempt that it is told never exceeds `maxAttempts`, never
 * jumps, and counts every handled failure; leases that lapse do not count but are bounded themselves (research/chaos.md N4, design.md 4).
 */
export function attemptsBounded(timeline: Timeline): Finding {
  const violations: Violation[] = []
  const ran = [...timeline.jobs.values()].filter((trail) => trail.executions.length > 0)
  const judged = ran.filter((trail) => trail.enqueues.length > 0)
  for (const trail of judged) violations.push(...excessesOf(timeline, trail))
  const repeated = judged.filter((trail) => trail.executions.length > 1).length
  return findingOf({
    checker: 'attempts-bounded',
    rule: 'No job is tried more often than its definition allows.',
    judged: judged.length,
    of: ran.length,
    violations,
    notes: [`${repeated} jobs ran more than once`],
    idle: repeated === 0 ? 'no job ran more than once' : null,
  })
}

function excessesOf(timeline: Timeline, trail: JobTrail): Violation[] {
  const max = Math.max(...trail.enqueues.map(({ invoke }) => invoke.maxAttempts))
  const starts = trail.executions.map(({ start }) => start)
  const violations: Violation[] = []
  const found = (what: string): void => void violations.push({ job: trail.job, what, evidence: starts })
  const highest = Math.max(...starts.map((start) => start.attempt))
  if (highest > max) found(`was told attempt ${highest} of at most ${max}`)
  const lapsed = Math.max(...starts.map((start) => start.lapses ?? 0))
  if (lapsed > timeline.run.maxLapses)
    found(`started after ${lapsed} lapses; ${timeline.run.maxLapses} end in the dead queue`)
  const tried = trail.executions.filter(counted).length
  if (tried > max) found(`was handled ${tried} times to an end that the broker confirmed; at most ${max} are allowed`)
  let failures = 0
  for (const [index, execution] of trail.executions.entries()) {
    // A copy of a job whose settlement is unknown may be behind; ahead of what was handled it cannot be.
    if (execution.start.attempt > failures + 1 + unsure(trail.executions.slice(0, index))) {
      found(`jumped to attempt ${execution.start.attempt} after ${failures} handled failures`)
      break
    }
    if (counted(execution)) failures += 1
  }
  return violations
}

/** An attempt that counts: its handler ended and the broker confirmed what core made of it, other than handing it back. */
function counted({ end, lease }: ExecutionTrail): boolean {
  if (end === null) return false
  if (lease === null) return end.aborted === null
  return lease.results.some(({ result, settle }) => result === 'settled' && settle !== 'release')
}

/** How many earlier ends may have counted without our seeing it. Core may also count a hand-back of a started job. */
function unsure(earlier: readonly ExecutionTrail[]): number {
  return earlier.filter((execution) => {
    if (counted(execution)) return false
    const { lease } = execution
    if (lease === null) return true
    return lease.settles.length > lease.results.length || lease.results.some(({ result }) => result !== 'lost')
  }).length
}
