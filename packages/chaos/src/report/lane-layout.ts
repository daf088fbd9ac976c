import type { ExecutionTrail, FaultKind, Timeline, WorkerLife } from '@switchyard/conformance/history'
import { lifeKey, outagesOf } from '@switchyard/conformance/history'

/** What came of one run of a handler. */
export type BarOutcome = 'settled' | 'failed' | 'cut' | 'lost' | 'open'

/** One run of a handler, on one row of its worker's lane. */
export interface LaneBar {
  readonly job: string
  readonly n: number | null
  readonly name: string
  readonly attempt: number
  readonly row: number
  readonly fromMs: number
  readonly toMs: number
  readonly outcome: BarOutcome
  /** Not the first start of its job. */
  readonly again: boolean
}

/** One incarnation of a worker process. */
export interface LaneLife {
  readonly epoch: number
  readonly fromMs: number
  readonly toMs: number
  readonly ending: 'killed' | 'stopped' | 'crashed' | 'open'
  /** When it was told to stop. */
  readonly stoppingMs: number | null
}

/** A stretch of time. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** One worker name over all its incarnations. */
export interface Lane {
  readonly proc: string
  readonly rows: number
  readonly lives: readonly LaneLife[]
  readonly frozen: readonly Span[]
  readonly bars: readonly LaneBar[]
}

/** A fault that was carried out, and how many jobs it met. */
export interface LaneFault {
  readonly id: string
  readonly type: FaultKind
  readonly proc: string | null
  readonly atMs: number
  readonly because: string
  readonly hit: number
}

/** The picture of a run in numbers; times are ms since its first event. */
export interface LaneLayout {
  readonly lengthMs: number
  readonly lanes: readonly Lane[]
  /** When the broker was down; null: it was never killed. */
  readonly outages: readonly Span[] | null
  readonly faults: readonly LaneFault[]
  /** Settled jobs in each of equal bins. */
  readonly throughput: readonly number[]
  readonly drawn: number
  readonly of: number
}

/** More bars than this make a browser slow and nobody wiser; those of jobs that started twice are kept first. */
export const MAX_BARS = 6_000

const BINS = 160

/** Lays out lanes, bars, faults and throughput. Pure. */
export function layOutLanes(timeline: Timeline): LaneLayout {
  const from = timeline.events[0]?.atMs ?? 0
  const to = timeline.events.at(-1)?.atMs ?? from
  const lives = [...timeline.workers.values()].filter((life) => life.start !== null)
  const trails = [...timeline.jobs.values()]
  const all = trails.flatMap((trail) => trail.executions.map((execution, index) => ({ trail, execution, index })))
  const kept = all.length <= MAX_BARS ? all : thinned(all)
  const procs = [...new Set(lives.map((life) => life.proc))].sort()
  const lanes = procs.map((proc): Lane => {
    const rows: number[] = []
    const bars = kept
      .filter(({ execution }) => execution.start.proc === proc)
      .sort((a, b) => a.execution.start.atMs - b.execution.start.atMs)
      .map(({ trail, execution, index }): LaneBar => {
        const end = endOf(timeline, execution, to)
        const row = freeRow(rows, execution.start.atMs)
        rows[row] = end.atMs
        const { job, name, attempt } = execution.start
        const span = { fromMs: execution.start.atMs - from, toMs: end.atMs - from }
        return { job, n: trail.n, name, attempt, row, ...span, outcome: end.outcome, again: index > 0 }
      })
    const own = lives.filter((life) => life.proc === proc)
    const frozen = own.flatMap((life) => frozenSpans(life, from, to))
    return { proc, rows: Math.max(1, rows.length), lives: own.map((life) => lifeSpan(life, from, to)), frozen, bars }
  })
  const hits = new Map(
    timeline.hits.filter(({ type }) => type !== 'broker-up').map((hit) => [hit.fault, hit.jobs.length]),
  )
  const outages = outagesOf(timeline).map(({ fromMs, toMs }) => ({ fromMs: fromMs - from, toMs: toMs - from }))
  const faults = timeline.injected
    .filter(({ type }) => type !== 'thaw' && type !== 'broker-up')
    .map(({ fault, type, worker, atMs, because }): LaneFault => {
      return { id: fault, type, proc: worker, atMs: atMs - from, because, hit: hits.get(fault) ?? 0 }
    })
  return {
    lengthMs: Math.max(1, to - from),
    lanes,
    outages: outages.length === 0 ? null : outages,
    faults,
    throughput: bins(timeline, from, to),
    drawn: kept.length,
    of: all.length,
  }
}

interface Candidate {
  readonly trail: { readonly n: number | null; readonly executions: readonly unknown[] }
  readonly execution: ExecutionTrail
  readonly index: number
}

function thinned(all: readonly Candidate[]): readonly Candidate[] {
  const twice = all.filter(({ trail }) => trail.executions.length > 1).slice(0, MAX_BARS)
  const once = all.filter(({ trail }) => trail.executions.length === 1)
  const every = Math.max(1, Math.ceil(once.length / Math.max(1, MAX_BARS - twice.length)))
  return [...twice, ...once.filter((_candidate, index) => index % every === 0)].slice(0, MAX_BARS)
}

function freeRow(rows: readonly number[], atMs: number): number {
  const free = rows.findIndex((until) => until <= atMs)
  return free === -1 ? rows.length : free
}

function endOf(
  timeline: Timeline,
  { start, end, lease }: ExecutionTrail,
  to: number,
): { atMs: number; outcome: BarOutcome } {
  const life = timeline.workers.get(lifeKey(start.proc, start.epoch))
  if (end === null) {
    const died = life === undefined ? null : diedAt(life)
    return died === null ? { atMs: to, outcome: 'open' } : { atMs: Math.max(died, start.atMs), outcome: 'cut' }
  }
  const results = lease?.results ?? []
  if (results.some(({ result }) => result === 'lost') || (lease?.losses.length ?? 0) > 0)
    return { atMs: end.atMs, outcome: 'lost' }
  if (end.outcome === 'threw') return { atMs: end.atMs, outcome: 'failed' }
  const open = lease !== null && !results.some(({ result }) => result === 'settled')
  return { atMs: end.atMs, outcome: open ? 'cut' : 'settled' }
}

function diedAt(life: WorkerLife): number | null {
  const kill = life.faults.find((fault) => fault.type === 'kill')
  return kill?.atMs ?? life.exit?.atMs ?? null
}

function lifeSpan(life: WorkerLife, from: number, to: number): LaneLife {
  const killed = life.faults.some((fault) => fault.type === 'kill')
  const crashed = life.exit?.expected === false
  const end = killed ? diedAt(life) : (life.stop?.atMs ?? life.exit?.atMs ?? null)
  return {
    epoch: life.epoch,
    fromMs: (life.start?.atMs ?? from) - from,
    toMs: (end ?? to) - from,
    ending: killed ? 'killed' : crashed ? 'crashed' : end === null ? 'open' : 'stopped',
    stoppingMs: life.stopping === null ? null : life.stopping.atMs - from,
  }
}

function frozenSpans(life: WorkerLife, from: number, to: number): Span[] {
  return life.faults
    .filter((fault) => fault.type === 'freeze')
    .map((freeze) => {
      const thaw = life.faults.find((fault) => fault.type === 'thaw' && fault.atMs > freeze.atMs)
      return { fromMs: freeze.atMs - from, toMs: (thaw?.atMs ?? diedAt(life) ?? to) - from }
    })
}

function bins(timeline: Timeline, from: number, to: number): readonly number[] {
  const counts = new Array<number>(BINS).fill(0)
  const widthMs = Math.max(1, to - from) / BINS
  for (const event of timeline.events) {
    if (event.kind !== 'settle.result' || event.settle !== 'complete' || event.result !== 'settled') continue
    const bin = Math.min(BINS - 1, Math.floor((event.atMs - from) / widthMs))
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return counts
}
