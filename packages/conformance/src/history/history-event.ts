/**
 * What one process of a run saw or did, in the order in which it happened there. Three ids per job, never one: `n` is the
 * workload's own number (the generator chose it), `job` is core's id, `message` is the broker's. A redelivered job keeps the first
 * two; a copy made by a composed retry has another third. Every field is present; what is not known is null.
 */
export type HistoryFact =
  | RunFact
  | EnqueueInvoke
  | EnqueueOk
  | EnqueueFail
  | EnqueueUnknown
  | DeliverFact
  | HandlerStart
  | HandlerEnd
  | EffectFact
  | SettleInvoke
  | SettleResultFact
  | ExtendFact
  | LeaseLost
  | WorkerStart
  | WorkerStopping
  | WorkerStop
  | WorkerExit
  | FaultInject
  | FaultHit
  | CensusFact
  | MarkFact

/** Who wrote an event, and when. */
export interface HistoryStamp {
  /** Name of the process in the run: `worker-1`, `harness`. */
  readonly proc: string
  /** Incarnation: 0 for the first process of that name, 1 for its replacement. */
  readonly epoch: number
  /** 0, 1, 2, … within one process: a gap means that the file was tampered with. */
  readonly seq: number
  /** CLOCK_MONOTONIC in ms with microseconds behind the point: comparable between processes of one host. */
  readonly atMs: number
  /** Wall clock in epoch ms, for people. */
  readonly wallMs: number
}

/** One line of a history file. */
export type HistoryEvent = HistoryStamp & HistoryFact

/** Any event of the named kind. */
export type EventOf<Kind extends HistoryFact['kind']> = HistoryStamp & Extract<HistoryFact, { kind: Kind }>

/** Fewer than these and the run proves nothing: its verdict is `inconclusive`. */
export interface Goals {
  readonly kills: number
  readonly freezes: number
  /** Second deliveries that started while the first handler was still running. */
  readonly overlaps: number
  readonly gracefulStops: number
  /** SIGKILLs of the broker itself with jobs in hand, after which it answered again. */
  readonly brokerKills: number
}

/** First event of the harness: what the oracles must know to judge the rest without any other file. */
export interface RunFact {
  readonly kind: 'run'
  readonly run: string
  readonly seed: number
  readonly broker: string
  /** `timed`: a lease ends by the clock. `connection`: with its consumer's connection. */
  readonly lease: 'timed' | 'connection'
  readonly leaseMs: number
  /** A retry or release may leave the original and its copy when its process dies in between. */
  readonly composed: boolean
  /** A repeated enqueue of an id is swallowed for the whole run, its completion included. Otherwise it may be admitted twice. */
  readonly dedupe: boolean
  readonly maxLapses: number
  /** Grace plus abort grace of a graceful stop. */
  readonly stopWithinMs: number
  readonly goals: Goals
}

/** An effect that a job must have had exactly once when it is completed. */
export interface ExpectedEffect {
  readonly sink: string
  readonly key: string
}

/** Written before the enqueue call. The same `n` again is a deliberate second try. */
export interface EnqueueInvoke {
  readonly kind: 'enqueue.invoke'
  readonly n: number
  /** Known beforehand only when the caller chose it. */
  readonly job: string | null
  readonly name: string
  readonly queue: string
  /** `payloadDigest` of what was enqueued. */
  readonly digest: string
  readonly effects: readonly ExpectedEffect[]
  readonly maxAttempts: number
}

/** The broker accepted it, or said that it has it already. */
export interface EnqueueOk {
  readonly kind: 'enqueue.ok'
  readonly n: number
  readonly job: string
  readonly duplicate: boolean
}

/** Definitely not enqueued. */
export interface EnqueueFail {
  readonly kind: 'enqueue.fail'
  readonly n: number
  readonly error: string
}

/** May or may not have been enqueued. An invoke without any result means the same. */
export interface EnqueueUnknown {
  readonly kind: 'enqueue.unknown'
  readonly n: number
  readonly job: string | null
  readonly error: string
}

/** The adapter handed a leased message to the worker. `lease` is unique in the run: our name for the receipt. */
export interface DeliverFact {
  readonly kind: 'deliver'
  readonly lease: string
  readonly job: string | null
  readonly message: string
  readonly queue: string
  readonly lapses: number | null
  /** How long before this event the lease may have begun (a frozen process writes late). */
  readonly ageMs: number
}

/** Written before the handler runs. `execution` is unique in the run. */
export interface HandlerStart {
  readonly kind: 'handler.start'
  readonly execution: string
  readonly n: number | null
  readonly job: string
  readonly name: string
  readonly queue: string
  readonly attempt: number
  readonly lapses: number | null
  /** `payloadDigest` of what arrived; null where the recorder could not see it. */
  readonly digest: string | null
}

/** Written when the handler's promise ended, before anything is settled. */
export interface HandlerEnd {
  readonly kind: 'handler.end'
  readonly execution: string
  readonly job: string
  readonly outcome: 'returned' | 'threw'
  /** Why the handler's signal had aborted by then (`job-timeout`, `lease-lost`, `shutdown`); null: it had not. */
  readonly aborted: string | null
  readonly error: string | null
}

/** Written by the owner of the sink, never by a worker. */
export interface EffectFact {
  readonly kind: 'effect'
  readonly sink: string
  /** What must happen once: `charge:o-17`. Taken by the sink from the content of the request. */
  readonly key: string
  /** What the request used as its idempotency key, if anything. */
  readonly token: string | null
  /** False: the sink recognised the token and did nothing. */
  readonly applied: boolean
  readonly job: string | null
  /** Process id that the sink was told, for people. */
  readonly pid: number | null
}

/** The four ways to end a lease. */
export type SettleKind = 'complete' | 'retry' | 'release' | 'move'

/** Written before the adapter is asked to settle. */
export interface SettleInvoke {
  readonly kind: 'settle.invoke'
  readonly lease: string
  readonly job: string | null
  readonly message: string
  readonly settle: SettleKind
  /** Target of a move. */
  readonly to: string | null
}

/** `unknown`: the reply was lost. `error`: definitely not settled. */
export interface SettleResultFact {
  readonly kind: 'settle.result'
  readonly lease: string
  readonly job: string | null
  readonly message: string
  readonly settle: SettleKind
  readonly result: 'settled' | 'lost' | 'unknown' | 'error'
  readonly error: string | null
}

/** Result of one renewal; `forged` when a fault swallowed the call and answered `settled` in its place. */
export interface ExtendFact {
  readonly kind: 'extend'
  readonly lease: string
  readonly job: string | null
  readonly result: 'settled' | 'lost' | 'unknown' | 'error' | 'forged'
  /** How long before this event the call was made: the renewed lease may have begun then. */
  readonly tookMs: number
}

/** The adapter told that the lease ended unsettled. */
export interface LeaseLost {
  readonly kind: 'lease.lost'
  readonly lease: string
  readonly job: string | null
  readonly message: string
}

/** A worker process takes jobs from now on. */
export interface WorkerStart {
  readonly kind: 'worker.start'
  readonly pid: number
  readonly concurrency: number
}

/** The worker was told to stop gracefully and knows it: nothing may start after this. */
export interface WorkerStopping {
  readonly kind: 'worker.stopping'
}

/** `stop()` returned. `open`: executions whose handlers had not ended. */
export interface WorkerStop {
  readonly kind: 'worker.stop'
  readonly open: number
}

/** The harness saw a worker process end. `expected`: by our own signal or after a graceful stop. */
export interface WorkerExit {
  readonly kind: 'worker.exit'
  readonly worker: string
  readonly workerEpoch: number
  readonly code: number | null
  readonly signal: string | null
  readonly expected: boolean
}

/**
 * What a fault does. `thaw` ends a `freeze`; `broker-up` ends a `broker`: injected when the broker is started again, hit when it
 * answers.
 */
export type FaultKind = 'kill' | 'freeze' | 'thaw' | 'lapse' | 'stop' | 'broker' | 'broker-up' | 'network'

/** Written before a fault is carried out. */
export interface FaultInject {
  readonly kind: 'fault.inject'
  readonly fault: string
  readonly type: FaultKind
  /** Null: not aimed at one worker. */
  readonly worker: string | null
  readonly workerEpoch: number | null
  /** What set it off, in words: `12th job handled`. */
  readonly because: string
}

/** Whom a fault really met: the jobs whose handlers were running there at that moment, as the harness knew it. */
export interface FaultHit {
  readonly kind: 'fault.hit'
  readonly fault: string
  readonly type: FaultKind
  readonly worker: string | null
  readonly workerEpoch: number | null
  readonly jobs: readonly string[]
}

/** What was left in one queue after the run had come to rest. The last census of a queue counts. */
export interface CensusFact {
  readonly kind: 'census'
  readonly queue: string
  readonly role: 'queue' | 'dead'
  /** Messages of every state in it; null where the broker cannot say. */
  readonly count: number | null
  readonly exact: boolean
  /** Their job ids where the queue could be read; null where it could not. */
  readonly jobs: readonly string[] | null
}

/** A phase of the run began: `warm`, `chaos`, `heal`, `quiet`, `census`. */
export interface MarkFact {
  readonly kind: 'mark'
  readonly name: string
}
