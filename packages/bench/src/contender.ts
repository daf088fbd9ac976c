import type { BenchServer } from './bench-server.ts'

/** How a contender works off a queue. */
export interface WorkPlan {
  readonly concurrency: number
  /** Called at the start of each job; bare contenders do not decode and give 0. */
  readonly started: (n: number) => void
  /** Called when `count` jobs are done and, where the library tells, settled at the broker. */
  readonly settled: (count: number) => void
  /** Handlers never end: for the worker that is killed. */
  readonly hang?: boolean
}

/** One library on one fresh queue. */
export interface Contender {
  /** Where it works, as `BenchServer.place` gave it. */
  readonly place: string
  /** Stores payload number `n`; resolves when the broker has confirmed it. */
  send(n: number): Promise<unknown>
  /** Stores a batch, all of it confirmed. */
  sendMany(from: number, size: number): Promise<unknown>
  /** Starts a worker; the answer stops it. */
  work(plan: WorkPlan): Promise<() => Promise<unknown>>
  close(): Promise<unknown>
}

/** Which work a contender does: ours; the rival with the same decoding, validation, timeout and single settlement; or the rival at its fastest documented setting. */
export type Comparison = 'ours' | 'equal' | 'bare'

/** A library and a way to use it. */
export interface ContenderKind {
  readonly name: string
  readonly comparison: Comparison
  /** What the reader must know to judge the figures. */
  readonly note?: string
  /** Rows in which it takes no part, because the library cannot or the answer is known beforehand. */
  readonly absent?: readonly RowKind[]
  open(server: BenchServer, options: OpenOptions): Promise<Contender>
}

/** The rows of the table. */
export type RowKind = 'enqueue' | 'process' | 'latency' | 'idle' | 'recovery' | 'depth'

export interface OpenOptions {
  readonly queue: string
  /** How long a silent worker keeps its jobs; default: the library's own. */
  readonly leaseMs?: number
}
