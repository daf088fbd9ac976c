import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { HistoryEvent, HistoryFact } from './history-event.ts'

/** Two clocks: monotonic ms (one host, all processes) and wall epoch ms. Tests pass their own. */
export interface HistoryClock {
  atMs(): number
  wallMs(): number
}

/** CLOCK_MONOTONIC and the wall clock of this host. */
export const hostClock: HistoryClock = {
  atMs: () => Number(process.hrtime.bigint() / 1_000n) / 1_000,
  wallMs: () => Date.now(),
}

/** Where and as whom to write. */
export interface HistoryWriterOptions {
  /** Folder of the run; made when missing. */
  readonly dir: string
  readonly proc: string
  readonly epoch: number
  readonly clock?: HistoryClock
}

/** What a name of a process may look like, since it becomes a file name. */
const PROC = /^[a-z0-9-]{1,60}$/

/**
 * Appends the events of one process to its own file, one synchronous write per line, so that everything that `write` returned
 * from survives SIGKILL of this process (4.4 million lines, 20 SIGKILLs, none missing, none torn: research/chaos.md 5.3).
 * It does not survive power loss: a record would then cost an fdatasync, 80 times as much.
 */
export class HistoryWriter {
  readonly proc: string
  readonly epoch: number
  readonly file: string
  readonly #clock: HistoryClock
  #fd: number | null
  #seq = 0

  constructor(options: HistoryWriterOptions) {
    if (!PROC.test(options.proc)) {
      throw new TypeError(`A history process is called like "worker-1", not ${JSON.stringify(options.proc)}.`)
    }
    mkdirSync(options.dir, { recursive: true })
    this.proc = options.proc
    this.epoch = options.epoch
    this.file = join(options.dir, historyFile(options.proc, options.epoch))
    this.#clock = options.clock ?? hostClock
    this.#fd = openSync(this.file, 'ax')
  }

  /** Returns once the kernel has the line. Throws after `close`, and when the disk refuses it. */
  write(fact: HistoryFact): HistoryEvent {
    if (this.#fd === null) throw new Error(`History ${this.file} is closed; ${fact.kind} came too late.`)
    const stamp = { proc: this.proc, epoch: this.epoch, seq: this.#seq, atMs: this.#clock.atMs() }
    const event: HistoryEvent = { ...stamp, wallMs: this.#clock.wallMs(), ...fact }
    const line = Buffer.from(`${JSON.stringify(event)}\n`)
    // One call per line is what keeps lines whole; a short write (full disk) must not pass for a written event.
    if (writeSync(this.#fd, line) !== line.length) throw new Error(`History ${this.file}: the disk took half a line.`)
    this.#seq += 1
    return event
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
  }
}

/** Name of the file in which one incarnation of a process writes. */
export function historyFile(proc: string, epoch: number): string {
  return `${proc}.${epoch}.ndjson`
}
