import { type AdapterHost, BrokerError, type Message, type SendResult, withDeadline } from '@switchyard/core/adapter'
import type { Db, PgBoss } from 'pg-boss'
import type { Coalescer } from './coalescer.ts'
import type { Database } from './database.ts'
import { toBrokerError } from './errors.ts'
import type { Settings } from './options.ts'
import type { Queues } from './queues.ts'
import type { Session } from './session.ts'

/** What the parts of one open adapter share. */
export interface Context {
  readonly host: AdapterHost
  readonly settings: Settings
  readonly boss: PgBoss
  readonly database: Database
  readonly session: Session
  readonly queues: Queues
  /** By queue. */
  readonly senders: Map<string, Coalescer<Message, SendResult>>
  /** True from the start of `close`. */
  closed: boolean
}

/** What a call is about, for its errors. */
export interface Call {
  readonly doing: string
  readonly queue: string
  readonly writes: boolean
}

/** Runs one call of the seam: refused after close, ended by the deadline, native errors mapped. */
export async function runCall<Value>(context: Context, call: Call, work: () => Promise<Value>): Promise<Value> {
  const { host } = context
  if (context.closed)
    throw new BrokerError({
      code: 'closed',
      adapter: 'postgres',
      queue: call.queue,
      message: `could not ${call.doing}: the adapter was closed`,
    })
  const late = () =>
    new BrokerError({
      code: 'timeout',
      adapter: 'postgres',
      queue: call.queue,
      message: `could not ${call.doing} within ${host.callDeadlineMs} ms`,
      maybeApplied: call.writes,
    })
  try {
    return await withDeadline(host.clock, host.callDeadlineMs, work(), late)
  } catch (error) {
    throw toBrokerError(error, call)
  }
}

/** The user's transaction: what `fromKysely`, `fromDrizzle`, `fromKnex` and `fromPrisma` make, or a `pg` client inside BEGIN. */
export type PostgresTx = Db | { query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> }

/** Brings both kinds of transaction to the one that pg-boss takes. Throws `invalid` for anything else. */
export function toDb(tx: PostgresTx): Db {
  if (typeof tx === 'object' && tx !== null) {
    if ('executeSql' in tx && typeof tx.executeSql === 'function') return tx
    if ('query' in tx && typeof tx.query === 'function') {
      return { executeSql: (text, values) => tx.query(text, values) as Promise<{ rows: never[] }> }
    }
  }
  throw new BrokerError({
    code: 'invalid',
    adapter: 'postgres',
    message:
      'tx must be a pg client inside a transaction, or fromKysely(trx), fromDrizzle(tx, sql), fromKnex(trx), fromPrisma(tx)',
  })
}
