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
 * Our own pool, handed to pg-boss as its `db`. Every statement has a deadline on the host's clock; a connection on which
 * anything failed is thrown away, because pg-boss sends `BEGIN; …; COMMIT` as one text and an error inside leaves the
 * session in an aborted transaction. Errors are native here: pg-boss looks at their SQLSTATE.
 */
export class Database implements IDatabase {
  readonly #pool: pg.Pool
  readonly #host: AdapterHost
  #closed = false

  constructor(settings: Settings, host: AdapterHost) {
    this.#host = host
    this.#pool = new pg.Pool({
      ...settings.connection,
      max: settings.connections,
      keepAlive: true,
      connectionTimeoutMillis: Math.min(host.connectDeadlineMs, host.callDeadlineMs),
      statement_timeout: host.callDeadlineMs,
      // ties in `created_on` are broken by the fetch index (job_i11), never by an unstable sort
      options: '-c enable_sort=off -c DateStyle=ISO -c TimeZone=UTC',
    })
    this.#pool.on('error', (error) => this.#idleFault(error))
    // a client that is checked out has no listener of the pool's: without one, a killed backend ends the process
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
  }

  /** One statement (or one multi-statement text) on a connection of its own. */
  async executeSql(text: string, values?: unknown[]): Promise<pg.QueryResult> {
    return this.#onConnection((query) => query(text, values))
  }

  /** The same, with timestamps in microseconds since the epoch. */
  readonly micros: IDatabase = {
    executeSql: (text, values) => this.#onConnection((query) => query(text, values, microsecondTypes)),
  }

  /** All or nothing; rolls back when `work` rejects. */
  transaction<Value>(work: (tx: IDatabase) => Promise<Value>): Promise<Value> {
    return this.#onConnection(async (query) => {
      await query('BEGIN')
      try {
        const value = await work({ executeSql: (text, values) => query(text, values) })
        await query('COMMIT')
        return value
      } catch (error) {
        await query('ROLLBACK').catch(() => undefined) // the connection is dropped in any case
        throw error
      }
    })
  }

  /** Waits for statements under way, within the call deadline. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const late = () => new Error('closing the pool took too long')
    await withDeadline(this.#host.clock, this.#host.callDeadlineMs, this.#pool.end(), late).catch((error: unknown) =>
      this.#idleFault(error),
    )
  }

  async #onConnection<Value>(work: (query: Query) => Promise<Value>): Promise<Value> {
    if (this.#closed) throw new BrokerError({ code: 'closed', adapter: 'postgres', message: 'the adapter was closed' })
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw markNeverSent(error)
    })
    const query: Query = (text, values, types) => {
      const config = { text, ...(values === undefined ? {} : { values }), ...(types === undefined ? {} : { types }) }
      const late = () => new Error(`timeout expired: no answer within ${this.#host.callDeadlineMs} ms`)
      return withDeadline(this.#host.clock, this.#host.callDeadlineMs, client.query(config), late)
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
