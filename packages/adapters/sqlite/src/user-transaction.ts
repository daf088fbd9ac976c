import { realpathSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { AdapterHost } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { mapSqliteError } from './map-sqlite-error.ts'
import { Session } from './session.ts'

/** How long the end of a user's transaction is looked for, so that the bell can ring; after that the 250 ms floor serves. */
const WATCH_MS = 1_000
const LOOK_MS = 5

const sessions = new WeakMap<DatabaseSync, Session>()

/** What a call with `tx` needs of its adapter. */
export interface UserTransactionParts {
  readonly file: string
  readonly host: AdapterHost
  readonly ring: (queues: ReadonlySet<number>) => void
}

/**
 * Writes through the user's own handle, inside the transaction that they have begun: it becomes true when they commit. All
 * or nothing per call (a savepoint), so that an error leaves their transaction as it was. Rings once it has ended.
 */
export function inUserTransaction<Result>(
  parts: UserTransactionParts,
  tx: DatabaseSync,
  queue: string,
  run: (session: Session, now: number) => Result,
): Result {
  requireTransaction(parts.file, tx, queue)
  const session = sessions.get(tx) ?? new Session(tx)
  sessions.set(tx, session)
  try {
    tx.exec('SAVEPOINT switchyard')
    const result = run(session, parts.host.clock.now())
    tx.exec('RELEASE switchyard')
    ringAfter(parts, tx, new Set(session.rings))
    return result
  } catch (error) {
    if (tx.isOpen && tx.isTransaction) tx.exec('ROLLBACK TO switchyard; RELEASE switchyard')
    throw mapSqliteError(error, { file: parts.file, doing: 'the call inside your transaction', queue })
  } finally {
    session.rings.clear()
  }
}

function requireTransaction(file: string, tx: DatabaseSync, queue: string): void {
  const problem = transactionProblem(file, tx)
  if (problem !== null) throw new BrokerError({ code: 'invalid', adapter: 'sqlite', queue, message: `tx ${problem}` })
}

function transactionProblem(file: string, tx: DatabaseSync): string | null {
  if (!(tx instanceof DatabaseSync))
    return 'is not a DatabaseSync of node:sqlite: pass the handle on which you ran BEGIN'
  if (!tx.isOpen) return 'is closed: pass the handle on which you ran BEGIN'
  const location = tx.location()
  if (location === null || realpathSync(location) !== file) {
    return `is a handle on ${location ?? 'memory'}, the queues are in ${file}: open it on the same file`
  }
  return tx.isTransaction ? null : 'is not inside a transaction: run BEGIN IMMEDIATE on it first, COMMIT afterwards'
}

/** SQLite tells nobody about the commit of another handle: look until it is over, then ring. */
function ringAfter({ host, ring }: UserTransactionParts, tx: DatabaseSync, queues: ReadonlySet<number>): void {
  if (queues.size === 0) return
  const giveUpAt = host.clock.now() + WATCH_MS
  const look = () => {
    if (!tx.isOpen || !tx.isTransaction) ring(queues)
    else if (host.clock.now() < giveUpAt) host.clock.schedule(LOOK_MS, look)
  }
  setImmediate(look)
}
