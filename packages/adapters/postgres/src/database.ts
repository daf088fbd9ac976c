import { type AdapterHost, BrokerError, withDeadline } from '@switchyard/core/adapter'
import pg from 'pg'
import type { Db as IDatabase } from 'pg-boss'
import { markNeverSent, toBrokerError } from './errors.ts'
import type { Settings } from './options.ts'

/** `timestamptz` as microseconds since the epoch: a JavaScript Date would drop the digits that order two sends of one millisecond. */
const TIMESTAMPTZ = 1184
const microsecondTypes = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === TIMESTAMPTZ ? parseMicroseconds : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}

/** `2026-11-22 15:30:00.000123+00` -> 1795361400000123. Exact until the year 2255. */
export function parseMicroseconds(text: string): number {
  const parts = /^(.+?)(?:\.(\d{1,6}))?([+-]\d\d(?::?\d\d)?(?::\d\d)?)$/.exec(text)
  if (parts === null) return Number.NaN
  const [, seconds = '', fraction = '', zone = ''] = parts
  const offset = zone.length === 3 ? `${zone}:00` : zone
  return Date.parse(`${seconds.replace(' ', 'T')}${offset}`) * 1_000 + Number(fraction.padEnd(6, '0'))
}

/**
 * A fetch on a connection that died without a word must not hold back its consumer until the call deadline (jobs flow again
 * within 15 s). The server cancels at four fifths of it: a fetch that went on without us would lease jobs to nobody.
 */
const FETCH_DEADLINE_MS = 10_000

/**
 * Our own pools, handed to pg-boss as its `db`. Every statement has a deadline on the host's clock; a connection on which
 * anything failed is thrown away, because pg-boss sends `BEGIN; …; COMMIT` as one text and an error inside leaves the
 * session in an aborted transaction. Errors are native here: pg-boss looks at their SQLSTATE.
 */
export class Database implements IDatabase {
  readonly #work: pg.Pool
  readonly #fetches: pg.Pool
  readonly #host: AdapterHost
  readonly #fetchDeadlineMs: number
  #closed = false

  constructor(settings: Settings, host: AdapterHost) {
    this.#host = host
    this.#fetchDeadlineMs = Math.min(host.callDeadlineMs, FETCH_DEADLINE_MS)
    const fetchers = Math.max(1, Math.floor(settings.connections / 3))
    this.#work = this.#pool(settings, settings.connections - fetchers, host.callDeadlineMs)
    this.#fetches = this.#pool(settings, fetchers, Math.ceil(this.#fetchDeadlineMs * 0.8))
  }

  /** One statement (or one multi-statement text) on a connection of its own. */
  executeSql(text: string, values?: unknown[]): Promise<pg.QueryResult> {
    return this.#onConnection(this.#work, this.#host.callDeadlineMs, (query) => query(text, values))
  }

  /** For fetches: their own connections and shorter limits, and timestamps in microseconds since the epoch. */
  readonly fetching: IDatabase = {
    executeSql: (text, values) =>
      this.#onConnection(this.#fetches, this.#fetchDeadlineMs, (query) => query(text, values, microsecondTypes)),
  }

  /** All or nothing; rolls back when `work` rejects. */
  transaction<Value>(work: (tx: IDatabase) => Promise<Value>): Promise<Value> {
    return this.#onConnection(this.#work, this.#host.callDeadlineMs, async (query) => {
      await query('BEGIN')
      const value = await work({ executeSql: (text, values) => query(text, values) })
      await query('COMMIT')
      return value
      // no ROLLBACK: the connection of a failed transaction is closed, and the server ends it
    })
  }

  /** Waits for statements under way, within the call deadline. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const late = () => new Error('closing the connections took too long')
    const ended = Promise.all([this.#work.end(), this.#fetches.end()])
    await withDeadline(this.#host.clock, this.#host.callDeadlineMs, ended, late).catch((error: unknown) =>
      this.#idleFault(error),
    )
  }

  #pool(settings: Settings, max: number, statementMs: number): pg.Pool {
    const pool = new pg.Pool({
      ...settings.connection,
      max,
      keepAlive: true,
      connectionTimeoutMillis: Math.min(this.#host.connectDeadlineMs, this.#host.callDeadlineMs),
      statement_timeout: statementMs,
      // ties in `created_on` are broken by the fetch index (job_i11), never by an unstable sort; a third of the time, too
      // (a sort that cannot be avoided looks so dear then that the server would compile it: 200 ms, hence jit)
      options: '-c enable_sort=off -c jit=off -c DateStyle=ISO -c TimeZone=UTC',
    })
    pool.on('error', (error) => this.#idleFault(error))
    // a client that is checked out has no listener of the pool's: without one, a killed backend ends the process
    pool.on('connect', (client) => client.on('error', () => undefined))
    return pool
  }

  async #onConnection<Value>(pool: pg.Pool, limitMs: number, work: (query: Query) => Promise<Value>): Promise<Value> {
    if (this.#closed) throw new BrokerError({ code: 'closed', adapter: 'postgres', message: 'the adapter was closed' })
    const client = await pool.connect().catch((error: unknown) => {
      throw markNeverSent(error)
    })
    const query: Query = (text, values, types) => {
      const config = { text, ...(values === undefined ? {} : { values }), ...(types === undefined ? {} : { types }) }
      const late = () => new Error(`timeout expired: no answer within ${limitMs} ms`)
      return withDeadline(this.#host.clock, limitMs, client.query(config), late)
    }
    try {
      const value = await work(query)
      client.release()
      return value
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  #idleFault(error: unknown): void {
    this.#host.report(toBrokerError(error, { doing: 'keep an idle connection', writes: false }))
  }
}

type Query = (text: string, values?: unknown[], types?: typeof microsecondTypes) => Promise<pg.QueryResult>
