import { type Finding, findingOf, type Violation } from './finding.ts'
import type { EventOf, HistoryEvent } from './history-event.ts'
import type { JobTrail, LeaseTrail, Timeline } from './timeline.ts'

/** What became of one job in the end. */
export type Fate = 'completed' | 'dead' | 'waiting' | 'unaccepted' | 'lost' | 'unseen'

/** How the fate of a job was found. */
export interface FateOf {
  readonly fate: Fate
  /** Why, in words, where the fate is not obvious. */
  readonly why: string
}

/**
 * Every accepted enqueue is completed (its handler returned and it was settled), dead, or still in the census. A job whose enqueue
 * ended unknown may be absent, but once it was seen it counts like an accepted one (research/chaos.md N1, 3.3).
 */
export function noLoss(timeline: Timeline): Finding {
  const violations: Violation[] = []
  const counts: Record<Fate, number> = { completed: 0, dead: 0, waiting: 0, unaccepted: 0, lost: 0, unseen: 0 }
  const fates = fatesOf(timeline)
  for (const trail of timeline.jobs.values()) {
    const { fate, why } = fates.get(trail.job) as FateOf
    counts[fate] += 1
    if (fate === 'lost') violations.push({ job: trail.job, what: why, evidence: lifeOf(trail) })
  }
  const of = timeline.jobs.size - counts.unaccepted
  const notes = [
    `${counts.completed} completed, ${counts.dead} dead, ${counts.waiting} waiting, ${counts.lost} lost, ${counts.unseen} unseen`,
  ]
  if (counts.unaccepted > 0)
    notes.push(`${counts.unaccepted} enqueues failed or stayed unknown and were never seen: legal`)
  if (timeline.census.size === 0) notes.push('no census was taken')
  notes.push(...uncounted(timeline))
  return findingOf({
    checker: 'no-loss',
    rule: 'Every accepted job is completed, dead, or still waiting at the end.',
    judged: of - counts.unseen,
    of,
    violations,
    notes,
  })
}

/** What the census had to leave open. What a broker still hides at the end, although everything was due, counts as lost. */
function uncounted(timeline: Timeline): string[] {
  const taken = [...timeline.census.values()]
  const names = (list: readonly EventOf<'census'>[]) => list.map(({ queue }) => queue).join(', ')
  const blind = taken.filter(({ jobs, exact, count }) => jobs === null && !(exact && count === 0))
  const rough = taken.filter((census) => !census.exact && !blind.includes(census))
  const notes: string[] = []
  if (blind.length > 0) notes.push(`the census could not name what is in ${names(blind)}`)
  if (rough.length > 0) notes.push(`read, but not counted exactly (leased or delayed): ${names(rough)}`)
  return notes
}

/** The fate of every job of the history. */
export function fatesOf(timeline: Timeline): ReadonlyMap<string, FateOf> {
  const left = censusOf(timeline)
  return new Map([...timeline.jobs.values()].map((trail) => [trail.job, fateOf(trail, left)]))
}

interface Left {
  readonly dead: ReadonlySet<string>
  readonly waiting: ReadonlySet<string>
  /** Queues and dead queues of which the census does not name every job. */
  readonly blind: readonly EventOf<'census'>[]
  readonly taken: boolean
}

function censusOf(timeline: Timeline): Left {
  const taken = [...timeline.census.values()]
  const jobs = (role: 'queue' | 'dead') =>
    new Set(taken.filter((census) => census.role === role).flatMap((census) => census.jobs ?? []))
  const blind = taken.filter((census) => census.jobs === null && !(census.exact && census.count === 0))
  return { dead: jobs('dead'), waiting: jobs('queue'), blind, taken: taken.length > 0 }
}

function fateOf(trail: JobTrail, left: Left): FateOf {
  const accepted = trail.enqueues.some(({ result }) => result?.kind === 'enqueue.ok')
  const seen = trail.executions.length > 0 || trail.leases.length > 0
  if (left.dead.has(trail.job)) return { fate: 'dead', why: 'it is in a dead queue' }
  if (left.waiting.has(trail.job)) return { fate: 'waiting', why: 'it is in its queue' }
  if (!accepted && !seen) return { fate: 'unaccepted', why: 'its enqueue failed or stayed unknown' }
  // Without the recorder at the seam a returned handler is the best evidence there is.
  const returned = trail.executions.filter(({ end }) => end?.outcome === 'returned')
  if (returned.some(({ lease }) => lease === null || completes(lease, 'settled'))) {
    return { fate: 'completed', why: 'its handler returned and it was settled' }
  }
  const gone = left.taken && left.blind.length === 0
  if (returned.some(({ lease }) => lease !== null && completes(lease, 'open')) && gone) {
    return {
      fate: 'completed',
      why: 'its handler returned; the reply to its settlement was lost, and it is nowhere left',
    }
  }
  if (!gone) return { fate: 'unseen', why: 'the census cannot say' }
  if (trail.leases.some((lease) => completes(lease, 'settled'))) {
    return { fate: 'lost', why: 'settled as complete although no handler of it had returned' }
  }
  return {
    fate: 'lost',
    why: `accepted, ${seen ? 'delivered but never completed' : 'never delivered'}, and in no queue at the end`,
  }
}

/** `settled`: the broker said so. `open`: asked, and the reply is missing or unknown. */
function completes(lease: LeaseTrail, how: 'settled' | 'open'): boolean {
  const asked = lease.settles.filter(({ settle }) => settle === 'complete').length
  const results = lease.results.filter(({ settle }) => settle === 'complete')
  if (how === 'settled') return results.some(({ result }) => result === 'settled')
  return results.length < asked || results.some(({ result }) => result === 'unknown')
}

/** Everything that the history says about one job, in time. */
export function lifeOf(trail: JobTrail): readonly HistoryEvent[] {
  const events: HistoryEvent[] = []
  for (const { invoke, result } of trail.enqueues) events.push(invoke, ...(result === null ? [] : [result]))
  for (const lease of trail.leases) events.push(lease.deliver, ...lease.settles, ...lease.results, ...lease.losses)
  for (const { start, end } of trail.executions) events.push(start, ...(end === null ? [] : [end]))
  return events.sort((a, b) => a.atMs - b.atMs || (a.proc === b.proc ? a.seq - b.seq : 0))
}
