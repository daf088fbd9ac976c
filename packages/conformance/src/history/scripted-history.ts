import type { HistoryEvent, HistoryFact, RunFact } from './history-event.ts'
import { type History, historyOf } from './read-history.ts'

/**
 * A history made by hand: the bad and the legal ones that prove the oracles, and the edits that must flip exactly one of
 * them (research/chaos.md 5.11 b). Times are given, never taken from a clock.
 */
export class ScriptedHistory {
  readonly events: HistoryEvent[] = []
  readonly #seq = new Map<string, number>()

  constructor(run: Partial<RunFact> = {}) {
    this.at(0, 'harness', { ...SCRIPTED_RUN, ...run })
  }

  /** Appends one event of the first incarnation of `proc`; `worker-1#1` names the second. */
  at(atMs: number, who: string, fact: HistoryFact): this {
    const [proc = who, epoch = '0'] = who.split('#')
    const seq = this.#seq.get(who) ?? 0
    this.#seq.set(who, seq + 1)
    this.events.push({ proc, epoch: Number(epoch), seq, atMs, wallMs: 1_700_000_000_000 + atMs, ...fact })
    return this
  }

  /** Accepted job number `n`, with one expected effect `e:n` at sink `ledger`. */
  enqueue(atMs: number, n: number, result: 'ok' | 'fail' | 'unknown' | 'none' = 'ok'): this {
    const job = `job-${n}`
    this.at(atMs, 'harness', {
      kind: 'enqueue.invoke',
      n,
      job,
      name: 'charge',
      queue: 'q',
      digest: `d${n}`,
      effects: [{ sink: 'ledger', key: `e:${n}` }],
      maxAttempts: 3,
    })
    if (result === 'ok') this.at(atMs + 1, 'harness', { kind: 'enqueue.ok', n, job, duplicate: false })
    if (result === 'fail') this.at(atMs + 1, 'harness', { kind: 'enqueue.fail', n, error: 'refused' })
    if (result === 'unknown') this.at(atMs + 1, 'harness', { kind: 'enqueue.unknown', n, job, error: 'no reply' })
    return this
  }

  /** A lease and the start of the handler in it. */
  start(
    atMs: number,
    who: string,
    n: number,
    more: { attempt?: number; lapses?: number; message?: string; ageMs?: number } = {},
  ): this {
    const { attempt = 1, lapses = 0, message = `job-${n}`, ageMs = 0 } = more
    const id = `${who}@${n}@${atMs}`
    this.at(atMs, who, { kind: 'deliver', lease: id, job: `job-${n}`, message, queue: 'q', lapses, ageMs })
    return this.at(atMs, who, {
      kind: 'handler.start',
      execution: id,
      n,
      job: `job-${n}`,
      name: 'charge',
      queue: 'q',
      attempt,
      lapses,
      digest: `d${n}`,
    })
  }

  /** The end of the handler that started at `startedMs`. */
  end(atMs: number, who: string, n: number, startedMs: number, outcome: 'returned' | 'threw' = 'returned'): this {
    const execution = `${who}@${n}@${startedMs}`
    const error = outcome === 'threw' ? 'Error: no' : null
    return this.at(atMs, who, { kind: 'handler.end', execution, job: `job-${n}`, outcome, aborted: null, error })
  }

  /** A settlement of the lease that began at `startedMs`; `none`: the process died before the reply. */
  settle(
    atMs: number,
    who: string,
    n: number,
    startedMs: number,
    settle: 'complete' | 'retry' | 'release' | 'move',
    result: 'settled' | 'lost' | 'unknown' | 'none' = 'settled',
  ): this {
    const shared = { lease: `${who}@${n}@${startedMs}`, job: `job-${n}`, message: `job-${n}`, settle }
    this.at(atMs, who, { kind: 'settle.invoke', ...shared, to: settle === 'move' ? 'q.dead' : null })
    if (result === 'none') return this
    return this.at(atMs + 1, who, { kind: 'settle.result', ...shared, result, error: null })
  }

  /** An effect that the ledger saw. */
  effect(atMs: number, n: number, applied = true): this {
    const shared = { sink: 'ledger', key: `e:${n}`, token: null, job: `job-${n}`, pid: 1 }
    return this.at(atMs, 'ledger', { kind: 'effect', ...shared, applied })
  }

  /** Start, effect, end and settlement of a job that goes well. */
  done(atMs: number, who: string, n: number): this {
    return this.start(atMs, who, n)
      .effect(atMs + 1, n)
      .end(atMs + 2, who, n, atMs)
      .settle(atMs + 3, who, n, atMs, 'complete')
  }

  worker(atMs: number, who: string): this {
    return this.at(atMs, who, { kind: 'worker.start', pid: 1, concurrency: 4 })
  }

  /** A fault of ours that met these jobs. */
  fault(atMs: number, type: 'kill' | 'freeze' | 'thaw' | 'lapse', who: string, jobs: readonly number[] = []): this {
    const [worker = who, epoch = '0'] = who.split('#')
    const shared = { fault: `${type}-${atMs}`, type, worker, workerEpoch: Number(epoch) }
    this.at(atMs, 'harness', { kind: 'fault.inject', ...shared, because: 'script' })
    this.at(atMs, 'harness', { kind: 'fault.hit', ...shared, jobs: jobs.map((n) => `job-${n}`) })
    if (type !== 'kill') return this
    const exit = { worker, workerEpoch: Number(epoch), code: null, signal: 'SIGKILL', expected: true }
    return this.at(atMs + 1, 'harness', { kind: 'worker.exit', ...exit })
  }

  /** The broker was killed at `atMs` with these jobs in hand, and answered again at `upMs`. */
  outage(atMs: number, upMs: number, jobs: readonly number[] = []): this {
    const shared = { fault: `broker-kill-${atMs}`, worker: null, workerEpoch: null }
    const hit = { kind: 'fault.hit' as const, ...shared }
    this.at(atMs, 'harness', { kind: 'fault.inject', ...shared, type: 'broker', because: 'script' })
    this.at(atMs, 'harness', { ...hit, type: 'broker', jobs: jobs.map((n) => `job-${n}`) })
    this.at(upMs, 'harness', { kind: 'fault.inject', ...shared, type: 'broker-up', because: 'script' })
    return this.at(upMs, 'harness', { ...hit, type: 'broker-up', jobs: [] })
  }

  /** What is left: jobs by number, or null where the queue cannot be read. */
  census(atMs: number, waiting: readonly number[] | null = [], dead: readonly number[] = []): this {
    const ids = (list: readonly number[]) => list.map((n) => `job-${n}`)
    this.at(atMs, 'harness', {
      kind: 'census',
      queue: 'q',
      role: 'queue',
      count: waiting === null ? null : waiting.length,
      exact: waiting !== null,
      jobs: waiting === null ? null : ids(waiting),
    })
    const left = { queue: 'q.dead', role: 'dead' as const, count: dead.length, exact: true, jobs: ids(dead) }
    return this.at(atMs, 'harness', { kind: 'census', ...left })
  }

  history(): History {
    return historyOf(this.events)
  }
}

/** A broker with timed leases of one second that never doubles and asks for nothing. */
export const SCRIPTED_RUN: RunFact = {
  kind: 'run',
  run: 'scripted',
  seed: 1,
  broker: 'scripted',
  lease: 'timed',
  leaseMs: 1_000,
  composed: false,
  dedupe: true,
  maxLapses: 5,
  stopWithinMs: 1_000,
  goals: { kills: 0, freezes: 0, overlaps: 0, gracefulStops: 0, brokerKills: 0 },
}
