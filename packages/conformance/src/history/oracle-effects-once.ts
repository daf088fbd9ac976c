import { type Finding, findingOf, type Violation } from './finding.ts'
import type { EventOf, HistoryEvent } from './history-event.ts'
import { fatesOf } from './oracle-no-loss.ts'
import { explain } from './oracle-redelivery-explained.ts'
import type { JobTrail, Timeline } from './timeline.ts'

/**
 * Effects applied exactly once under key, read from the sinks: never twice, and not missing when the job is completed
 * (research/chaos.md N5). A request that the sink recognised and left alone is no effect.
 */
export function effectsOnce(timeline: Timeline): Finding {
  const violations: Violation[] = []
  const applied = Map.groupBy(
    timeline.effects.filter((effect) => effect.applied),
    (effect) => pair(effect.sink, effect.key),
  )
  const owners = ownersOf(timeline)
  const names = new Set([...owners.keys(), ...applied.keys()])
  const fates = fatesOf(timeline)
  let judged = 0
  for (const name of names) {
    const effects = applied.get(name) ?? []
    const owner = owners.get(name)
    const fate = owner === undefined ? undefined : fates.get(owner.trail.job)?.fate
    if (effects.length > 1) violations.push(doubled(timeline, effects, owner?.trail))
    else if (effects.length === 0 && fate === 'completed' && owner !== undefined) {
      violations.push({
        job: owner.trail.job,
        what: `completed, but its effect ${owner.key} never reached ${owner.sink}`,
        evidence: owner.trail.executions.flatMap(({ start, end }) => (end === null ? [start] : [start, end])),
      })
    }
    if (effects.length > 0 || (fate !== undefined && fate !== 'unseen')) judged += 1
  }
  const again = timeline.effects.length - timeline.effects.filter((effect) => effect.applied).length
  const idle = timeline.effects.length === 0 ? 'no sink recorded any effect' : null
  return findingOf({
    checker: 'effects-once',
    rule: 'Each effect was applied exactly once under its key.',
    judged,
    of: names.size,
    violations,
    notes: [`${again} repeated requests were recognised by their sinks and changed nothing`],
    idle,
  })
}

interface Owner {
  readonly trail: JobTrail
  readonly sink: string
  readonly key: string
}

function ownersOf(timeline: Timeline): Map<string, Owner> {
  const owners = new Map<string, Owner>()
  for (const trail of timeline.jobs.values()) {
    for (const { invoke } of trail.enqueues) {
      for (const { sink, key } of invoke.effects) owners.set(pair(sink, key), { trail, sink, key })
    }
  }
  return owners
}

/** Names the job, and why it ran twice, since the double effect is only the symptom. */
function doubled(timeline: Timeline, effects: readonly EventOf<'effect'>[], trail: JobTrail | undefined): Violation {
  const [first] = effects as [EventOf<'effect'>, ...EventOf<'effect'>[]]
  const starts = trail?.executions ?? []
  const again = trail === undefined ? [] : explain(timeline, trail)
  const causes = again.flatMap(({ cause }) => (cause === null ? [] : [cause]))
  const name = trail?.executions[0]?.start.name ?? trail?.enqueues[0]?.invoke.name
  const who = name === undefined ? 'effect' : `handler ${name}: effect`
  const why = causes.length === 0 ? '' : `; delivered again because: ${[...new Set(causes)].join(', ')}`
  return {
    job: trail?.job ?? first.job ?? first.key,
    what: `${who} ${first.key} was applied ${effects.length} times at ${first.sink}, in ${starts.length} runs of the job${why}`,
    evidence: inTime([
      ...starts.flatMap(({ start, end }) => (end === null ? [start] : [start, end])),
      ...again.flatMap(({ evidence }) => evidence),
      ...effects,
    ]),
  }
}

/** Each event once, in time. */
function inTime(events: readonly HistoryEvent[]): readonly HistoryEvent[] {
  return [...new Set(events)].sort((a, b) => a.atMs - b.atMs || (a.proc === b.proc ? a.seq - b.seq : 0))
}

function pair(sink: string, key: string): string {
  return JSON.stringify([sink, key])
}
