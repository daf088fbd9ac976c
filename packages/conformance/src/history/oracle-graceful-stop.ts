import { type Finding, findingOf, type Violation } from './finding.ts'
import type { HistoryEvent } from './history-event.ts'
import { sinceLease } from './lease-time.ts'
import { type ExecutionTrail, outagesOf, type Timeline, type WorkerLife } from './timeline.ts'

/** A stop may be noted a little late on a busy machine; longer than this is a breach. */
const SLACK_MS = 2_000

/**
 * A worker that is told to stop starts nothing more, leaves nothing behind (every handler that it started ended or was handed back)
 * and returns within its grace (research/chaos.md N15). One that was killed or frozen while stopping, or had no broker to give back to, is not judged.
 */
export function gracefulStop(timeline: Timeline): Finding {
  const stopping = [...timeline.workers.values()].filter((life) => life.stopping !== null)
  const judged = stopping.filter((life) => !disturbed(life) && !brokerless(timeline, life))
  const executions = Map.groupBy(
    [...timeline.jobs.values()].flatMap((trail) => trail.executions),
    ({ start }) => `${start.proc}.${start.epoch}`,
  )
  const violations = judged.flatMap((life) =>
    breachesOf(timeline, life, executions.get(`${life.proc}.${life.epoch}`) ?? []),
  )
  return findingOf({
    checker: 'graceful-stop',
    rule: 'A worker told to stop starts nothing more, abandons nothing, and returns within its grace.',
    judged: judged.length,
    of: stopping.length,
    violations,
    notes: [`${stopping.length} workers were stopped gracefully`],
    idle: stopping.length === 0 ? 'no worker was stopped gracefully' : null,
  })
}

function disturbed(life: WorkerLife): boolean {
  const from = life.stopping?.atMs ?? 0
  return life.faults.some((fault) => (fault.type === 'kill' || fault.type === 'freeze') && fault.atMs >= from)
}

/** The broker was down at some moment between the word to stop and the return. */
function brokerless(timeline: Timeline, life: WorkerLife): boolean {
  const from = life.stopping?.atMs ?? 0
  const to = life.stop?.atMs ?? life.exit?.atMs ?? Number.POSITIVE_INFINITY
  return outagesOf(timeline).some((outage) => outage.fromMs <= to && outage.toMs >= from)
}

function breachesOf(timeline: Timeline, life: WorkerLife, executions: readonly ExecutionTrail[]): Violation[] {
  const { stopping, stop } = life
  if (stopping === null) return []
  const who = `${life.proc}.${life.epoch}`
  const violations: Violation[] = []
  const found = (job: string, what: string, ...evidence: HistoryEvent[]): void =>
    void violations.push({ job, what, evidence: [stopping, ...evidence] })
  for (const { start } of executions) {
    if (start.atMs > stopping.atMs) found(start.job, `${who} started it after it was told to stop`, start)
  }
  if (stop === null) {
    found(who, 'was told to stop and never returned', ...(life.exit === null ? [] : [life.exit]))
    return violations
  }
  const tookMs = stop.atMs - stopping.atMs
  if (tookMs > timeline.run.stopWithinMs + SLACK_MS) {
    found(who, `took ${Math.round(tookMs)} ms to stop; ${timeline.run.stopWithinMs} ms were allowed`, stop)
  }
  for (const execution of executions) {
    const { start, end, lease } = execution
    // A lease that has run out is nobody's to settle; the broker delivers the job again by itself.
    const lapsed = timeline.run.lease === 'timed' && sinceLease(execution, stop.atMs) >= timeline.run.leaseMs
    const ended = end !== null && end.atMs <= stop.atMs
    const given = lease?.settles.some((settle) => settle.atMs <= stop.atMs) ?? false
    if (!ended && !given)
      found(start.job, `${who} stopped while its handler was running, and did not hand it back`, start, stop)
    else if (lease !== null && !given && !lapsed && lease.losses.length === 0 && !lost(lease.extends)) {
      found(start.job, `${who} stopped without settling it`, start, stop)
    }
  }
  return violations
}

function lost(renewals: readonly { readonly result: string }[]): boolean {
  return renewals.some(({ result }) => result === 'lost')
}
