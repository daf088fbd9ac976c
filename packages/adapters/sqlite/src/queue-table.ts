import type { QueueSpec } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import type { QueueRow, Session } from './session.ts'

const DECLARE = `INSERT INTO switchyard_queue (name, lease_ms, ordered, dedupe_ms) VALUES (?, ?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET lease_ms = excluded.lease_ms, ordered = excluded.ordered, dedupe_ms = excluded.dedupe_ms`
const SAME = `SELECT 1 FROM switchyard_queue WHERE name = ? AND lease_ms = ? AND ordered = ? AND dedupe_ms = ?`
const FIND = 'SELECT id, dedupe_ms FROM switchyard_queue WHERE name = ?'

/** Makes the queue exist with these properties; the last declaration holds. */
export function declareQueue(session: Session, spec: QueueSpec): void {
  session.run(DECLARE, spec.name, spec.leaseMs, spec.ordered ? 1 : 0, spec.dedupeMs)
}

/** Whether the queue exists with exactly these properties, so that a worker's start need not write. */
export function isDeclared(session: Session, spec: QueueSpec): boolean {
  return session.get(SAME, spec.name, spec.leaseMs, spec.ordered ? 1 : 0, spec.dedupeMs) !== undefined
}

/** Reads the queue inside the transaction that uses it, since another process may have declared it anew; null if nobody has. */
export function findQueue(session: Session, name: string): QueueRow | null {
  const row = session.get(FIND, name)
  return row === undefined ? null : { id: Number(row.id), dedupeMs: Number(row.dedupe_ms) }
}

/** As `findQueue`, or BrokerError `not-found`. */
export function requireQueue(session: Session, name: string): QueueRow {
  const queue = findQueue(session, name)
  if (queue !== null) return queue
  throw queueNotFound(name)
}

/** Nobody has declared this queue in this file. */
export function queueNotFound(name: string): BrokerError {
  return new BrokerError({
    code: 'not-found',
    adapter: 'sqlite',
    queue: name,
    message: 'nobody has declared this queue in this file: declare it first, and check that the path is the right one',
  })
}
