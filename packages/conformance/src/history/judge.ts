import { type Finding, type Verdict, verdictOf } from './finding.ts'
import { attemptsBounded } from './oracle-attempts-bounded.ts'
import { effectsOnce } from './oracle-effects-once.ts'
import { gracefulStop } from './oracle-graceful-stop.ts'
import { noLoss } from './oracle-no-loss.ts'
import { noPhantom } from './oracle-no-phantom.ts'
import { redeliveryExplained } from './oracle-redelivery-explained.ts'
import { sufficiency } from './oracle-sufficiency.ts'
import type { History } from './read-history.ts'
import { type Timeline, timelineOf } from './timeline.ts'

/** A pure judge of one rule. */
export type Oracle = (timeline: Timeline) => Finding

/** All oracles, in the order in which a report shows them. */
export const ORACLES: readonly Oracle[] = [
  noLoss,
  noPhantom,
  effectsOnce,
  attemptsBounded,
  redeliveryExplained,
  gracefulStop,
  sufficiency,
]

/** The verdict on a history, with every finding behind it. */
export interface Judgement {
  readonly verdict: Verdict
  readonly findings: readonly Finding[]
}

/** Judges a history with every oracle. Pure: the same history always gets the same judgement. */
export function judge(history: History): Judgement {
  const timeline = timelineOf(history)
  const findings = ORACLES.map((oracle) => oracle(timeline))
  return { verdict: verdictOf(findings), findings }
}
