import type { HistoryEvent } from './history-event.ts'

/** `inconclusive`: too little happened, or too little could be seen, to say anything. Never a kind of pass. */
export type Verdict = 'pass' | 'fail' | 'inconclusive'

/** One broken rule, with the events that show it. */
export interface Violation {
  /** Id of the job, or of whatever else the checker judges (a worker, a fault). */
  readonly job: string
  readonly what: string
  readonly evidence: readonly HistoryEvent[]
}

/** What one checker says about one history. */
export interface Finding {
  readonly checker: string
  /** The rule in one sentence. */
  readonly rule: string
  readonly verdict: Verdict
  /** How many items could be judged, of how many there were. */
  readonly judged: number
  readonly of: number
  readonly violations: readonly Violation[]
  /** Why items could not be judged, and what was counted on the way. */
  readonly notes: readonly string[]
}

/** Below this share a checker has not seen enough to pass (research/chaos.md 3.3). */
export const JUDGED_SHARE = 0.8

/** What a checker counted; `findingOf` draws the verdict. */
export interface FindingParts extends Omit<Finding, 'verdict'> {
  /** Set when the run gave no occasion to break the rule. */
  readonly idle?: string | null
}

/** Fail beats inconclusive beats pass; nothing judged, too little judged and nothing happened are all inconclusive. */
export function findingOf(parts: FindingParts): Finding {
  const { idle = null, ...rest } = parts
  const notes = [...rest.notes]
  const short = rest.of > 0 && rest.judged < rest.of * JUDGED_SHARE
  if (idle !== null) notes.push(idle)
  else if (rest.of === 0) notes.push('there was nothing to judge')
  if (short) notes.push(`only ${rest.judged} of ${rest.of} could be judged`)
  const open = idle !== null || short || rest.of === 0 || rest.judged === 0
  return { ...rest, notes, verdict: rest.violations.length > 0 ? 'fail' : open ? 'inconclusive' : 'pass' }
}

/** The verdict on a whole run: the worst of its findings; none at all is inconclusive. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  if (findings.some((finding) => finding.verdict === 'fail')) return 'fail'
  if (findings.length === 0 || findings.some((finding) => finding.verdict === 'inconclusive')) return 'inconclusive'
  return 'pass'
}
