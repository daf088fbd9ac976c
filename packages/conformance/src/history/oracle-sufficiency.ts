import { type Finding, findingOf } from './finding.ts'
import type { Goals } from './history-event.ts'
import { redeliveriesOf } from './oracle-redelivery-explained.ts'
import type { Timeline } from './timeline.ts'

/** What a run really met, against what it had to meet. */
export type Sufficiency = Goals

/** Counts only what hit: a kill of an idle worker is not a kill, a freeze under nobody's handler is not a freeze. */
export function countHits(timeline: Timeline): Sufficiency {
  const hit = (type: 'kill' | 'freeze') =>
    timeline.hits.filter((event) => event.type === type && event.jobs.length > 0).length
  return {
    kills: hit('kill'),
    freezes: hit('freeze'),
    overlaps: redeliveriesOf(timeline).filter(({ overlap }) => overlap).length,
    gracefulStops: [...timeline.workers.values()].filter((life) => life.stop !== null && life.stopping !== null).length,
    // One that never answered again proves nothing: the run then ends for another reason.
    brokerKills: timeline.hits.filter(
      ({ type, jobs, fault }) => type === 'broker' && jobs.length > 0 && cameBack(timeline, fault),
    ).length,
  }
}

function cameBack(timeline: Timeline, fault: string): boolean {
  return timeline.hits.some((hit) => hit.type === 'broker-up' && hit.fault === fault)
}

/**
 * A run in which too little happened is inconclusive, never a pass; so is one in which a worker died by something that
 * was not ours (research/chaos.md 0.8, 5.3).
 */
export function sufficiency(timeline: Timeline): Finding {
  const had = countHits(timeline)
  const { goals } = timeline.run
  const needed = Object.entries(goals) as [keyof Sufficiency, number][]
  const unmet = needed.filter(([goal, least]) => had[goal] < least)
  const crashes = [...timeline.workers.values()].filter((life) => life.exit?.expected === false)
  const reasons = [
    ...unmet.map(([goal, least]) => `${had[goal]} ${NAMES[goal]}, at least ${least} were needed`),
    ...crashes.map(
      ({ proc, epoch, exit }) => `${proc}.${epoch} ended by itself (${exit?.signal ?? `code ${exit?.code}`})`,
    ),
  ]
  if (timeline.events.some((event) => event.kind === 'mark' && event.name === 'deadline')) {
    reasons.push('the run did not come to rest before its deadline')
  }
  if (timeline.hits.length === 0) reasons.push('no fault hit anything')
  const met = needed.length - unmet.length
  return findingOf({
    checker: 'sufficiency',
    rule: 'Enough went wrong for a verdict to mean something.',
    judged: needed.length,
    of: needed.length,
    violations: [],
    notes: needed.filter(([goal, least]) => least > 0 || had[goal] > 0).map(([goal]) => `${had[goal]} ${NAMES[goal]}`),
    idle: reasons.length > 0 ? `${met} of ${needed.length} goals met: ${reasons.join('; ')}` : null,
  })
}

const NAMES: Readonly<Record<keyof Sufficiency, string>> = {
  kills: 'kills of workers with jobs in hand',
  freezes: 'freezes of workers with jobs in hand',
  overlaps: 'second deliveries while the first handler ran',
  gracefulStops: 'graceful stops',
  brokerKills: 'kills of the broker with jobs in hand',
}
