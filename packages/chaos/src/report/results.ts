import {
  countHits,
  type Fate,
  type Finding,
  fatesOf,
  type Goals,
  redeliveriesOf,
  timelineOf,
  type Verdict,
} from '@switchyard/conformance/history'
import type { ChaosRun } from './chaos-run.ts'

/** One second start, for machines. */
export interface SecondDelivery {
  readonly job: string
  readonly n: number | null
  readonly first: string
  readonly second: string
  /** Ms since the start of the run. */
  readonly atMs: number
  readonly overlap: boolean
  readonly cause: string | null
  readonly illegal: string | null
}

/** Content of `results.json`. Fields are only ever added within one `v`. */
export interface Results {
  readonly v: 1
  readonly run: string
  readonly title: string
  readonly variant: string
  readonly broker: string
  readonly seed: number
  readonly command: string
  readonly verdict: Verdict
  readonly startedAt: string
  readonly tookMs: number
  readonly events: number
  readonly tornLines: number
  readonly jobs: Readonly<Record<Fate, number>>
  readonly goals: Goals
  readonly hits: Goals
  readonly findings: readonly Finding[]
  readonly secondDeliveries: readonly SecondDelivery[]
  readonly environment: Readonly<Record<string, string>>
}

/** What `results.json` says about a run. */
export function resultsOf(run: ChaosRun): Results {
  const timeline = timelineOf(run.history)
  const from = timeline.events[0]?.atMs ?? 0
  const jobs: Record<Fate, number> = { completed: 0, dead: 0, waiting: 0, unaccepted: 0, lost: 0, unseen: 0 }
  for (const { fate } of fatesOf(timeline).values()) jobs[fate] += 1
  const secondDeliveries = redeliveriesOf(timeline).map(({ job, first, second, overlap, cause, illegal }) => ({
    job,
    n: timeline.jobs.get(job)?.n ?? null,
    first: `${first.start.proc}.${first.start.epoch}`,
    second: `${second.start.proc}.${second.start.epoch}`,
    atMs: Math.round(second.start.atMs - from),
    overlap,
    cause,
    illegal,
  }))
  return {
    v: 1,
    run: run.run,
    title: run.title,
    variant: run.variant,
    broker: run.broker,
    seed: run.seed,
    command: run.command,
    verdict: run.judgement.verdict,
    startedAt: new Date(run.startedAt).toISOString(),
    tookMs: Math.round(run.tookMs),
    events: timeline.events.length,
    tornLines: timeline.torn,
    jobs,
    goals: timeline.run.goals,
    hits: countHits(timeline),
    findings: run.judgement.findings,
    secondDeliveries,
    environment: run.environment,
  }
}
