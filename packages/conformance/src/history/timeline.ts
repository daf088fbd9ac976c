import { HistoryError } from './decode-event.ts'
import type { EventOf, HistoryEvent } from './history-event.ts'
import type { History } from './read-history.ts'

/** One lease of one message to one worker process. */
export interface LeaseTrail {
  readonly lease: string
  readonly deliver: EventOf<'deliver'>
  readonly settles: EventOf<'settle.invoke'>[]
  readonly results: EventOf<'settle.result'>[]
  readonly extends: EventOf<'extend'>[]
  readonly losses: EventOf<'lease.lost'>[]
}

/** One run of one handler. */
export interface ExecutionTrail {
  readonly start: EventOf<'handler.start'>
  end: EventOf<'handler.end'> | null
  /** The lease under which it ran; null where no seam recorder was in use. */
  readonly lease: LeaseTrail | null
}

/** One enqueue call and what came of it; `result` null: its process died in it. */
export interface EnqueueTrail {
  readonly invoke: EventOf<'enqueue.invoke'>
  result: EventOf<'enqueue.ok'> | EventOf<'enqueue.fail'> | EventOf<'enqueue.unknown'> | null
}

/** Everything that the history says about one job. `job` is `#n` when its id was never seen. */
export interface JobTrail {
  readonly job: string
  readonly n: number | null
  readonly enqueues: readonly EnqueueTrail[]
  /** In the order in which their handlers started. */
  readonly executions: readonly ExecutionTrail[]
  readonly leases: readonly LeaseTrail[]
}

/** The life of one incarnation of a worker process. */
export interface WorkerLife {
  readonly proc: string
  readonly epoch: number
  start: EventOf<'worker.start'> | null
  stopping: EventOf<'worker.stopping'> | null
  stop: EventOf<'worker.stop'> | null
  exit: EventOf<'worker.exit'> | null
  /** When it last wrote anything. */
  lastAtMs: number
  readonly faults: EventOf<'fault.inject'>[]
}

/** A history, sorted by what it is about. */
export interface Timeline {
  readonly run: EventOf<'run'>
  readonly events: readonly HistoryEvent[]
  readonly jobs: ReadonlyMap<string, JobTrail>
  readonly workers: ReadonlyMap<string, WorkerLife>
  readonly effects: readonly EventOf<'effect'>[]
  readonly injected: readonly EventOf<'fault.inject'>[]
  readonly hits: readonly EventOf<'fault.hit'>[]
  /** The last census of each queue. */
  readonly census: ReadonlyMap<string, EventOf<'census'>>
  readonly torn: number
}

/** Name of one incarnation of a worker. */
export function lifeKey(proc: string, epoch: number): string {
  return `${proc}.${epoch}`
}

/** A time without a broker; monotonic ms. */
export interface Outage {
  readonly fault: string
  readonly inject: EventOf<'fault.inject'>
  readonly fromMs: number
  /** When it was started again: until then nothing can have been granted but what was on its way. */
  readonly startedMs: number
  /** When it answered again; the end of the history when it never did. */
  readonly toMs: number
}

/** When the broker was down by a fault of ours, in time. */
export function outagesOf(timeline: Timeline): readonly Outage[] {
  const again = ({ type }: { readonly type: string }): boolean => type === 'broker-up'
  const ups = new Map(timeline.hits.filter(again).map(({ fault, atMs }) => [fault, atMs]))
  const starts = new Map(timeline.injected.filter(again).map(({ fault, atMs }) => [fault, atMs]))
  const endMs = timeline.events.at(-1)?.atMs ?? 0
  return timeline.injected
    .filter(({ type }) => type === 'broker')
    .map((event) => ({
      fault: event.fault,
      inject: event,
      fromMs: event.atMs,
      startedMs: starts.get(event.fault) ?? endMs,
      toMs: ups.get(event.fault) ?? endMs,
    }))
}

interface Draft {
  job: string
  n: number | null
  readonly enqueues: EnqueueTrail[]
  readonly executions: ExecutionTrail[]
  readonly leases: LeaseTrail[]
}

/** Sorts a history. Throws HistoryError when it has no `run` event or speaks of an execution that never started. */
export function timelineOf(history: History): Timeline {
  const run = history.events.find((event) => event.kind === 'run')
  if (run === undefined) throw new HistoryError('The history has no "run" event: without it nothing can be judged.')
  const drafts = new Drafts()
  const workers = new Map<string, WorkerLife>()
  const effects: EventOf<'effect'>[] = []
  const injected: EventOf<'fault.inject'>[] = []
  const hits: EventOf<'fault.hit'>[] = []
  const census = new Map<string, EventOf<'census'>>()
  for (const event of history.events) {
    drafts.take(event)
    follow(workers, event)
    if (event.kind === 'effect') effects.push(event)
    else if (event.kind === 'fault.inject') injected.push(event)
    else if (event.kind === 'fault.hit') hits.push(event)
    else if (event.kind === 'census') census.set(event.queue, event)
  }
  const { events, torn } = history
  return { run, events, jobs: drafts.finish(), workers, effects, injected, hits, census, torn }
}

/** Builds job trails; a job is found by its id and, as long as that is unknown, by its number. */
class Drafts {
  readonly #all: Draft[] = []
  readonly #byJob = new Map<string, Draft>()
  readonly #byN = new Map<number, Draft>()
  readonly #executions = new Map<string, ExecutionTrail>()
  readonly #leases = new Map<string, LeaseTrail>()
  /** Leases of a job in one process that no execution has claimed yet. */
  readonly #unclaimed = new Map<string, LeaseTrail>()

  take(event: HistoryEvent): void {
    switch (event.kind) {
      case 'enqueue.invoke':
        this.#find(event.job, event.n).enqueues.push({ invoke: event, result: null })
        break
      case 'enqueue.ok':
      case 'enqueue.fail':
      case 'enqueue.unknown': {
        const called = this.#find(null, event.n)
        const index = called.enqueues.findIndex(
          ({ invoke, result }) => result === null && invoke.proc === event.proc && invoke.epoch === event.epoch,
        )
        const open = called.enqueues[index]
        if (open === undefined) throw new HistoryError(`Enqueue ${event.n} has a result but was never called.`)
        open.result = event
        const draft = this.#find(event.kind === 'enqueue.fail' ? null : event.job, event.n)
        // A second call of the same number that made a second job: its record goes with that job.
        if (draft !== called && called.job !== '') draft.enqueues.push(...called.enqueues.splice(index, 1))
        break
      }
      case 'deliver': {
        const trail: LeaseTrail = {
          lease: event.lease,
          deliver: event,
          settles: [],
          results: [],
          extends: [],
          losses: [],
        }
        this.#leases.set(event.lease, trail)
        if (event.job === null) break
        this.#find(event.job, null).leases.push(trail)
        this.#unclaimed.set(claim(event, event.job), trail)
        break
      }
      case 'handler.start': {
        const key = claim(event, event.job)
        const execution: ExecutionTrail = { start: event, end: null, lease: this.#unclaimed.get(key) ?? null }
        this.#unclaimed.delete(key)
        this.#executions.set(event.execution, execution)
        this.#find(event.job, event.n).executions.push(execution)
        break
      }
      case 'handler.end': {
        const execution = this.#executions.get(event.execution)
        if (execution === undefined) throw new HistoryError(`Execution ${event.execution} ended without a start.`)
        execution.end = event
        break
      }
      case 'settle.invoke':
        this.#leases.get(event.lease)?.settles.push(event)
        break
      case 'settle.result':
        this.#leases.get(event.lease)?.results.push(event)
        break
      case 'extend':
        this.#leases.get(event.lease)?.extends.push(event)
        break
      case 'lease.lost':
        this.#leases.get(event.lease)?.losses.push(event)
        break
      default:
    }
  }

  finish(): Map<string, JobTrail> {
    const alive = this.#all.filter((draft) => draft.job !== '' || draft.n !== null)
    return new Map(alive.map((draft) => [draft.job === '' ? `#${draft.n}` : draft.job, named(draft)]))
  }

  /** The same job may first be known by number and later by id: the two drafts become one. */
  #find(job: string | null, n: number | null): Draft {
    const byJob = job === null ? undefined : this.#byJob.get(job)
    const numbered = n === null ? undefined : this.#byN.get(n)
    // One number, two ids: two jobs. Whether that is legal is for the oracles to say.
    const other = job !== null && numbered !== undefined && numbered.job !== '' && numbered.job !== job
    const byN = other ? undefined : numbered
    const draft = byJob ?? byN ?? this.#make()
    if (byJob !== undefined && byN !== undefined && byJob !== byN) merge(byJob, byN)
    if (job !== null && draft.job === '') {
      draft.job = job
      this.#byJob.set(job, draft)
    }
    if (n !== null) {
      draft.n ??= n
      if (!other) this.#byN.set(n, draft)
    }
    return draft
  }

  #make(): Draft {
    const draft: Draft = { job: '', n: null, enqueues: [], executions: [], leases: [] }
    this.#all.push(draft)
    return draft
  }
}

function merge(into: Draft, from: Draft): void {
  if (from.job !== '') return
  into.n ??= from.n
  into.enqueues.push(...from.enqueues.splice(0))
  into.executions.push(...from.executions.splice(0))
  into.leases.push(...from.leases.splice(0))
  from.n = null
}

function named(draft: Draft): JobTrail {
  return { ...draft, job: draft.job === '' ? `#${draft.n}` : draft.job }
}

function claim(event: HistoryEvent, job: string): string {
  return `${event.proc}.${event.epoch} ${job}`
}

function follow(workers: Map<string, WorkerLife>, event: HistoryEvent): void {
  const life = (proc: string, epoch: number): WorkerLife => {
    const key = lifeKey(proc, epoch)
    const found = workers.get(key)
    if (found !== undefined) return found
    const made: WorkerLife = {
      proc,
      epoch,
      start: null,
      stopping: null,
      stop: null,
      exit: null,
      lastAtMs: Number.NEGATIVE_INFINITY,
      faults: [],
    }
    workers.set(key, made)
    return made
  }
  if (event.kind === 'worker.exit') life(event.worker, event.workerEpoch).exit = event
  else if (event.kind === 'fault.inject' && event.worker !== null && event.workerEpoch !== null) {
    life(event.worker, event.workerEpoch).faults.push(event)
  } else if (event.kind === 'worker.start') life(event.proc, event.epoch).start = event
  else if (event.kind === 'worker.stopping') life(event.proc, event.epoch).stopping = event
  else if (event.kind === 'worker.stop') life(event.proc, event.epoch).stop = event
  const own = workers.get(lifeKey(event.proc, event.epoch))
  if (own !== undefined) own.lastAtMs = Math.max(own.lastAtMs, event.atMs)
}
