import { statSync } from 'node:fs'
import type { AdapterHost } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { isBusy, mapSqliteError } from './map-sqlite-error.ts'
import type { OpenDatabase } from './open-database.ts'
import { LOCK_RETRY_MS } from './open-database.ts'
import { Session } from './session.ts'

/** Most messages touched by one transaction: bounds how long the event loop stands still. */
const GROUP_WEIGHT = 1_000

/** One piece of work inside a transaction. */
export interface Work<Result> {
  /** For error texts: `send`, `settle`, ... */
  readonly doing: string
  readonly queue: string
  /** Commit with synchronous=FULL: its loss by a power cut would lose a message. Otherwise NORMAL. */
  readonly full: boolean
  /** How many messages it touches. */
  readonly weight: number
  /** Synchronous; all or nothing together with its group. `now` is read once the lock is held. */
  run(session: Session, now: number): Result
}

interface Pending {
  readonly work: Work<unknown>
  readonly deadline: number
  resolve(value: unknown): void
  reject(error: unknown): void
}

/**
 * The only writer of an adapter: everything asked for in one turn of the event loop shares one transaction and one
 * flush. It never waits inside SQLite: node:sqlite is synchronous, and a `busy_timeout` stopped the event loop, and with it the
 * lease renewals, for 2.2 s (research/seam.md 5 b).
 */
export class Writer {
  readonly #database: OpenDatabase
  readonly #session: Session
  readonly #host: AdapterHost
  readonly #ring: (queues: ReadonlySet<number>) => void
  #pending: Pending[] = []
  #draining: Promise<void> | null = null
  #synchronous = 'FULL'
  #closed = false

  constructor(database: OpenDatabase, host: AdapterHost, ring: (queues: ReadonlySet<number>) => void) {
    this.#database = database
    this.#session = new Session(database.db)
    this.#host = host
    this.#ring = ring
  }

  /** Resolves once committed. Rejects with a BrokerError; `timeout` when the lock was not to be had within the deadline. */
  submit<Result>(work: Work<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(this.closedError(work.queue))
    return new Promise((resolve, reject) => {
      const deadline = this.#host.clock.now() + this.#host.callDeadlineMs
      this.#pending.push({ work, deadline, resolve: resolve as (value: unknown) => void, reject })
      this.#draining ??= this.#drain()
    })
  }

  /** Reads outside any transaction of ours; waits like `submit` where SQLite says busy (recovery after a crash). */
  async read<Result>(doing: string, queue: string, read: (session: Session, now: number) => Result): Promise<Result> {
    const deadline = this.#host.clock.now() + this.#host.callDeadlineMs
    for (;;) {
      if (this.#closed) throw this.closedError(queue)
      try {
        return read(this.#session, this.#host.clock.now())
      } catch (error) {
        if (!isBusy(error)) throw mapSqliteError(error, { file: this.#database.file, doing, queue })
        if (this.#host.clock.now() >= deadline) throw this.#lockedTooLong(doing, queue)
      }
      await this.#pause()
    }
  }

  /** Finishes what was submitted, then refuses everything. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#draining
  }

  /** What a call on a closed adapter gets. */
  closedError(queue: string): BrokerError {
    return new BrokerError({
      code: 'closed',
      adapter: 'sqlite',
      queue,
      message: `the connection to ${this.#database.file} is closed: connect again`,
    })
  }

  async #drain(): Promise<void> {
    // One turn of the event loop: everybody who wants to write in this turn joins the group.
    await turn()
    while (this.#pending.length > 0) {
      const group = this.#nextGroup()
      const begun = this.#begin(group)
      if (begun === 'busy') {
        await this.#pause()
        this.#expire()
        continue
      }
      this.#pending.splice(0, group.length)
      if (begun !== 'begun') for (const { reject } of group) reject(begun)
      else this.#runGroup(group)
      if (this.#pending.length > 0) await turn()
    }
    // In the same step as the look at the queue: whoever submits from now on starts the next round, and nobody is left behind.
    this.#draining = null
  }

  #nextGroup(): Pending[] {
    let weight = 0
    let length = 0
    for (const { work } of this.#pending) {
      weight += work.weight
      if (length > 0 && weight > GROUP_WEIGHT) break
      length += 1
    }
    return this.#pending.slice(0, length)
  }

  #begin(group: readonly Pending[]): 'begun' | 'busy' | BrokerError {
    const first = group[0]?.work
    try {
      this.#checkFile(first?.queue ?? '')
      const wanted = group.some(({ work }) => work.full) ? 'FULL' : 'NORMAL'
      if (this.#synchronous !== wanted) this.#session.db.exec(`PRAGMA synchronous = ${wanted}`)
      this.#synchronous = wanted
      this.#session.db.exec('BEGIN IMMEDIATE')
      return 'begun'
    } catch (error) {
      if (isBusy(error)) return 'busy'
      return mapSqliteError(error, { file: this.#database.file, doing: first?.doing ?? 'writing' })
    }
  }

  /** A file that was deleted or replaced under us still takes writes, and loses them all when we exit. */
  #checkFile(queue: string): void {
    const { file, inode, device } = this.#database
    const found = statSync(file, { bigint: true, throwIfNoEntry: false })
    if (found?.ino === inode && found.dev === device) return
    throw new BrokerError({
      code: 'unavailable',
      retryable: false,
      adapter: 'sqlite',
      queue,
      message: `${file} was deleted or replaced while it was open: put it back and restart this process`,
    })
  }

  #runGroup(group: readonly Pending[]): void {
    const now = this.#host.clock.now()
    const { db, rings } = this.#session
    let at = group[0]
    let committing = false
    try {
      const results = group.map((pending) => {
        at = pending
        return pending.work.run(this.#session, now)
      })
      committing = true
      db.exec('COMMIT')
      this.#ring(rings)
      for (const [index, { resolve }] of group.entries()) resolve(results[index])
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      const { doing = 'writing', queue = '' } = at?.work ?? {}
      const mapped = mapSqliteError(error, { file: this.#database.file, doing, queue, committing })
      if (group.length === 1 || mapped.maybeApplied) for (const { reject } of group) reject(mapped)
      // Rolled back, so nothing happened: one bad piece of work must not fail its neighbours.
      else for (const alone of group) this.#runAlone(alone)
    } finally {
      rings.clear()
    }
  }

  #runAlone(alone: Pending): void {
    const begun = this.#begin([alone])
    if (begun === 'begun') this.#runGroup([alone])
    else if (begun === 'busy') this.#pending.push(alone)
    else alone.reject(begun)
  }

  #expire(): void {
    const now = this.#host.clock.now()
    const late = this.#pending.filter(({ deadline }) => deadline <= now)
    if (late.length === 0) return
    this.#pending = this.#pending.filter(({ deadline }) => deadline > now)
    for (const { work, reject } of late) reject(this.#lockedTooLong(work.doing, work.queue))
  }

  #lockedTooLong(doing: string, queue: string): BrokerError {
    const { callDeadlineMs } = this.#host
    return new BrokerError({
      code: 'timeout',
      adapter: 'sqlite',
      queue,
      message:
        `${doing} waited ${callDeadlineMs} ms for the write lock of ${this.#database.file} and was not carried out: ` +
        'end the transaction or tool that keeps it (a forgotten BEGIN, a backup, an open sqlite3 shell)',
    })
  }

  #pause(): Promise<void> {
    return this.#host.clock.sleep(this.#host.clock.random() * LOCK_RETRY_MS)
  }
}

/** Not a timer: the end of the current turn, so that the clock has no say in it. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
