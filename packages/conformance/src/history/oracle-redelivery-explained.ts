import { type Finding, findingOf, type Violation } from './finding.ts'
import type { HistoryEvent } from './history-event.ts'
import { grantedAt, sinceLease } from './lease-time.ts'
import type { ExecutionTrail, JobTrail, LeaseTrail, Timeline, WorkerLife } from './timeline.ts'
import { lifeKey, outagesOf } from './timeline.ts'

/** Why a job was started again, or what is wrong with that. */
export interface Redelivery {
  readonly job: string
  readonly first: ExecutionTrail
  readonly second: ExecutionTrail
  /** The first handler was still running (or frozen) when the second started. */
  readonly overlap: boolean
  /** In words: `worker-1 was killed`; null: nothing in the history explains it. */
  readonly cause: string | null
  /** Set when it should not have happened whatever the cause: started again after it had been settled. */
  readonly illegal: string | null
  readonly evidence: readonly HistoryEvent[]
}

/** How much earlier than `leaseMs` a lapse may be told apart, for events that are written a little late. */
const SLACK_MS = 50

/**
 * A second start of a job has a cause in the history: a kill, a freeze, a lapse, a retry, a release, a settlement whose reply was
 * lost, a repeated enqueue, or a fault of broker or network (research/chaos.md N6). Nothing starts again after it was settled.
 */
export function redeliveryExplained(timeline: Timeline): Finding {
  const all = redeliveriesOf(timeline)
  const violations: Violation[] = all
    .filter(({ cause, illegal }) => cause === null || illegal !== null)
    .map(({ job, illegal, evidence }) => ({ job, what: illegal ?? 'started again, and nothing explains it', evidence }))
  const causes = Map.groupBy(all, ({ cause }) => (cause ?? 'unexplained').replace(/^\S+-\d+ /, 'its worker '))
  const jobs = new Set(all.map(({ job }) => job)).size
  return findingOf({
    checker: 'redelivery-explained',
    rule: 'Every second start of a job has a cause in the history.',
    judged: all.length,
    of: all.length,
    violations,
    notes: [
      `${all.length} second starts of ${jobs} jobs`,
      ...[...causes].map(([cause, list]) => `${list.length} × ${cause}`),
    ],
    idle: all.length === 0 ? 'no job was started twice' : null,
  })
}

/** Every second (third, …) start of every job, in time. */
export function redeliveriesOf(timeline: Timeline): readonly Redelivery[] {
  return [...timeline.jobs.values()]
    .flatMap((trail) => explain(timeline, trail))
    .sort((a, b) => a.second.start.atMs - b.second.start.atMs)
}

/** The second starts of one job. */
export function explain(timeline: Timeline, trail: JobTrail): readonly Redelivery[] {
  let licences = Math.max(0, maybeStored(trail) - 1)
  const executions = [...trail.executions].sort((a, b) => beganAt(timeline, a) - beganAt(timeline, b))
  return executions.slice(1).map((second, index) => {
    const earlier = executions.slice(0, index + 1)
    const first = earlier[index] as ExecutionTrail
    let found = causeOf(timeline, trail, first, second) ?? copyCause(timeline, earlier, second)
    if (found === null && licences > 0 && !timeline.run.dedupe) {
      licences -= 1
      found = { cause: 'it was enqueued a second time', evidence: trail.enqueues.map(({ invoke }) => invoke) }
    }
    const settled = settledBefore(timeline, trail, earlier, second)
    const finished = first.end !== null && first.end.atMs < second.start.atMs
    const died = diedBefore(timeline, first, second.start.atMs)
    return {
      job: trail.job,
      first,
      second,
      overlap: !finished && !died,
      cause: found?.cause ?? null,
      illegal: settled,
      evidence: [
        first.start,
        ...(found?.evidence ?? []),
        ...(first.end === null ? [] : [first.end]),
        second.start,
      ].sort((a, b) => a.atMs - b.atMs),
    }
  })
}

/**
 * Its place in the chain of leases. One that was frozen between its grant and its start belongs where it was granted: by the
 * time it starts, others may have had the job after it.
 */
function beganAt(timeline: Timeline, execution: ExecutionTrail): number {
  const granted = grantedAt(execution)
  const life = lifeOfExecution(timeline, execution)
  const { atMs } = execution.start
  const frozen = life?.faults.some(
    (fault) => fault.type === 'freeze' && fault.atMs <= atMs && thawedAt(life, fault) >= granted,
  )
  return frozen ? granted : atMs
}

interface Cause {
  readonly cause: string
  readonly evidence: readonly HistoryEvent[]
}

function causeOf(timeline: Timeline, trail: JobTrail, first: ExecutionTrail, second: ExecutionTrail): Cause | null {
  const [from, to] = [grantedAt(first), second.start.atMs]
  const life = lifeOfExecution(timeline, first)
  const proc = first.start.proc
  const asked = settleCause(first, to)
  if (asked !== null) return asked
  const kill = life?.faults.find((fault) => fault.type === 'kill' && fault.atMs <= to)
  if (kill !== undefined) return { cause: `${proc} was killed`, evidence: [kill] }
  const exit = life?.exit
  if (life !== undefined && exit != null && exit.atMs >= from && life.lastAtMs <= to) {
    return { cause: `${proc} ended (${exit.signal ?? `code ${exit.code}`})`, evidence: [exit] }
  }
  // The broker's end takes every lease of a connection with it, and keeps everybody from renewing the others.
  const outside = outsideCause(timeline, from, to)
  if (outside !== null) return outside
  // The others need the lease to run out first; before that the broker had no right to deliver it again.
  if (timeline.run.lease === 'timed' && sinceLease(first, to) < timeline.run.leaseMs - SLACK_MS) return null
  const lapse = timeline.hits.find((hit) => hit.type === 'lapse' && hit.jobs.includes(trail.job) && hit.worker === proc)
  if (lapse !== undefined && lapse.atMs <= to) return { cause: `${proc} could not renew its lease`, evidence: [lapse] }
  const freeze = life?.faults.find(
    (fault) => fault.type === 'freeze' && fault.atMs <= to && thawedAt(life, fault) >= from,
  )
  if (freeze !== undefined) return { cause: `${proc} was frozen beyond its lease`, evidence: [freeze] }
  const told = lapseEvents(first.lease)
  const lapsedMore = (second.start.lapses ?? 0) > (first.start.lapses ?? 0)
  if (told.length > 0 || lapsedMore)
    return { cause: `its lease lapsed at ${proc} without a fault of ours`, evidence: told }
  return null
}

/** What the first worker itself asked for. A settlement that answered `lost` changed nothing and explains nothing. */
function settleCause({ lease, start, end }: ExecutionTrail, to: number): Cause | null {
  if (lease === null) {
    const failed = end !== null && end.atMs <= to && (end.outcome === 'threw' || end.aborted !== null)
    return failed ? { cause: `its handler failed at attempt ${start.attempt}`, evidence: [end] } : null
  }
  for (const settle of lease.settles.filter((event) => event.atMs <= to)) {
    const result = lease.results.find((event) => event.settle === settle.settle && event.seq > settle.seq)
    const evidence = result === undefined ? [settle] : [settle, result]
    const confirmed = result?.result === 'settled'
    if (confirmed && settle.settle === 'retry') return { cause: 'its handler failed and it was retried', evidence }
    if (confirmed && settle.settle === 'release') return { cause: 'it was released', evidence }
    if (result?.result === 'unknown' || result?.result === 'error') {
      return {
        cause: `the reply to its ${settle.settle} was ${result.result === 'unknown' ? 'lost' : 'an error'}`,
        evidence,
      }
    }
  }
  return null
}

/** A composed retry or release that broke off leaves the original and its copy: both run. */
function copyCause(timeline: Timeline, earlier: readonly ExecutionTrail[], second: ExecutionTrail): Cause | null {
  const message = second.lease?.deliver.message
  if (!timeline.run.composed || message === undefined) return null
  if (earlier.some(({ lease }) => lease?.deliver.message === message)) return null
  for (const { lease } of earlier) {
    if (lease === null || lease.deliver.message === message) continue
    const torn = lease.settles.find(
      ({ settle, seq }) =>
        settle !== 'complete' && !lease.results.some((result) => result.seq > seq && result.result === 'settled'),
    )
    if (torn !== undefined) return { cause: `a ${torn.settle} of it broke off and left a copy`, evidence: [torn] }
  }
  return handBackCause(timeline, earlier, second)
}

/**
 * An adapter gives back what it has leased and nobody asked for. Where that is composed too, the end of its process or of the
 * broker in between leaves a copy, and no event shows the hand-back itself: each kill since the job first ran or waited may have left one.
 */
function handBackCause(timeline: Timeline, earlier: readonly ExecutionTrail[], second: ExecutionTrail): Cause | null {
  const messages = new Set([...earlier, second].map(({ lease }) => lease?.deliver.message))
  const cuts = timeline.injected.filter(
    ({ type, atMs }) => (type === 'kill' || type === 'broker') && atMs <= second.start.atMs,
  )
  if (cuts.length < messages.size - 1) return null
  return { cause: 'a hand-back of it broke off and left a copy', evidence: cuts.slice(-1) }
}

function outsideCause(timeline: Timeline, from: number, to: number): Cause | null {
  const outage = outagesOf(timeline).find(({ fromMs, startedMs }) => fromMs <= to && startedMs >= from)
  if (outage !== undefined) return { cause: 'the broker was killed', evidence: [outage.inject] }
  const cut = timeline.injected.find(({ type, atMs }) => type === 'network' && atMs >= from && atMs <= to)
  return cut === undefined ? null : { cause: `a network fault: ${cut.fault}`, evidence: [cut] }
}

/** Enqueues that may have left a message of their own; one that failed for certain has not. */
function maybeStored(trail: JobTrail): number {
  return trail.enqueues.filter(({ result }) => result?.kind !== 'enqueue.fail').length
}

function lapseEvents(lease: LeaseTrail | null): readonly HistoryEvent[] {
  if (lease === null) return []
  return [
    ...lease.losses,
    ...lease.results.filter(({ result }) => result === 'lost'),
    ...lease.extends.filter(({ result }) => result === 'lost'),
  ]
}

function thawedAt(life: WorkerLife, freeze: HistoryEvent): number {
  const thaw = life.faults.find((fault) => fault.type === 'thaw' && fault.atMs > freeze.atMs)
  return thaw?.atMs ?? Number.POSITIVE_INFINITY
}

function lifeOfExecution(timeline: Timeline, { start }: ExecutionTrail): WorkerLife | undefined {
  return timeline.workers.get(lifeKey(start.proc, start.epoch))
}

function diedBefore(timeline: Timeline, execution: ExecutionTrail, atMs: number): boolean {
  const life = lifeOfExecution(timeline, execution)
  const exited = life?.exit != null && life.lastAtMs <= atMs
  return exited || (life?.faults.some((fault) => fault.type === 'kill' && fault.atMs <= atMs) ?? false)
}

/** A job that was settled for good is over. Only its copy, made by a composed settlement that broke off, may still run. */
function settledBefore(
  timeline: Timeline,
  trail: JobTrail,
  earlier: readonly ExecutionTrail[],
  second: ExecutionTrail,
): string | null {
  const granted = grantedAt(second)
  for (const { lease } of earlier) {
    const done = lease?.results.find(
      ({ settle, result, atMs }) =>
        (settle === 'complete' || settle === 'move') && result === 'settled' && atMs < granted,
    )
    if (lease === null || done === undefined) continue
    const other = second.lease !== null && second.lease.deliver.message !== lease.deliver.message
    if (other && timeline.run.composed) continue
    if (maybeStored(trail) > 1 && !timeline.run.dedupe) continue
    return `delivered again after ${done.proc} had settled it (${done.settle})`
  }
  return null
}
