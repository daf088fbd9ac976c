import type { Message, SendResult } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { BLOCKED, DELAYED, FIRST_LEASE, LEASED, READY } from './schema.ts'
import type { QueueRow, Session } from './session.ts'
import { MAX_BODY_BYTES } from './sqlite-capabilities.ts'

const INSERT = `INSERT INTO switchyard_message
  (queue, state, due, since, lease, lapses, head, unique_active, order_key, unique_key, id, name, body)
  VALUES (?, ?, ?, ?, ${FIRST_LEASE}, 0, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (queue, id) DO NOTHING`
const HEAD = `SELECT 1 FROM switchyard_message INDEXED BY switchyard_head WHERE queue = ? AND order_key = ? AND head = 1`
const WAITS = 'SELECT 1 FROM switchyard_message INDEXED BY switchyard_identity WHERE queue = ? AND id = ?'
const DONE = 'SELECT 1 FROM switchyard_done WHERE queue = ? AND id = ? AND expires > ?'
/** Who has the key: what waits (a lapsed lease waits), and what promised to keep it until settled. */
const UNIQUE = `SELECT 1 FROM switchyard_message INDEXED BY switchyard_unique WHERE queue = ? AND unique_key = ?
  AND (state <> ${LEASED} OR due <= ? OR unique_active = 1) LIMIT 1`
const WINDOW = 'SELECT 1 FROM switchyard_window WHERE queue = ? AND key = ? AND expires > ?'
const OPEN_WINDOW = 'INSERT OR REPLACE INTO switchyard_window (queue, key, expires) VALUES (?, ?, ?)'
/** Two out for every one in: the table shrinks to what is alive without a sweep of its own. */
const SWEEP_WINDOWS = `DELETE FROM switchyard_window WHERE (queue, key) IN
  (SELECT queue, key FROM switchyard_window INDEXED BY switchyard_window_expires WHERE expires <= ? LIMIT 2)`

/** What may have been done about this message before. */
export interface InsertOptions {
  /** By a move: neither completed ids nor `unique` refuse it, because that would lose what is being moved. */
  readonly moved: boolean
}

/** Stores one message, or says that it is there already. Errors concern this message only and leave nothing behind. */
export function insertMessage(
  session: Session,
  queue: QueueRow,
  message: Message,
  now: number,
  options: InsertOptions,
): SendResult {
  const refused = refuse(message, now)
  if (refused !== null) return refused
  if (session.get(WAITS, queue.id, message.id) !== undefined) return 'duplicate'
  if (!options.moved && queue.dedupeMs > 0 && session.get(DONE, queue.id, message.id, now) !== undefined) {
    return 'duplicate'
  }
  const { unique } = message
  if (unique !== undefined && !options.moved && takenUnique(session, queue, unique, now)) return 'duplicate'

  const due = now + Math.ceil(message.delayMs)
  const orderKey = message.orderKey === undefined ? null : keyText(message.orderKey)
  // The order is that of sending, so that one delayed on send holds up its key like any other head.
  const blocked = orderKey !== null && session.get(HEAD, queue.id, orderKey) !== undefined
  const state = blocked ? BLOCKED : message.delayMs > 0 ? DELAYED : READY
  const head = orderKey === null || blocked ? 0 : 1
  const whileKey = unique !== undefined && 'while' in unique ? keyText(unique.key) : null
  const active = unique !== undefined && 'while' in unique && unique.while === 'active' ? 1 : 0
  session.run(
    INSERT,
    queue.id,
    state,
    due,
    due,
    head,
    active,
    orderKey,
    whileKey,
    message.id,
    message.name,
    message.body,
  )
  if (unique !== undefined && 'windowMs' in unique) {
    session.run(SWEEP_WINDOWS, now)
    session.run(OPEN_WINDOW, queue.id, keyText(unique.key), now + Math.ceil(unique.windowMs))
  }
  if (state !== BLOCKED) session.rings.add(queue.id)
  return 'accepted'
}

function takenUnique(session: Session, queue: QueueRow, unique: NonNullable<Message['unique']>, now: number): boolean {
  const key = keyText(unique.key)
  return session.get(WINDOW, queue.id, key, now) !== undefined || session.get(UNIQUE, queue.id, key, now) !== undefined
}

function refuse(message: Message, now: number): BrokerError | null {
  const bytes = Buffer.byteLength(message.body)
  if (bytes > MAX_BODY_BYTES) {
    const text = `message ${message.id} has ${bytes} bytes, at most ${MAX_BODY_BYTES} fit: store the payload elsewhere, send a reference`
    return new BrokerError({ code: 'too-large', adapter: 'sqlite', message: text })
  }
  const windowMs = message.unique !== undefined && 'windowMs' in message.unique ? message.unique.windowMs : 0
  if (storable(message.delayMs, now) && storable(windowMs, now)) return null
  const text = `message ${message.id}: delayMs ${message.delayMs} or windowMs ${windowMs} is not a time that can be stored`
  return new BrokerError({ code: 'invalid', adapter: 'sqlite', message: text })
}

/** A duration from now that ends in a whole number of milliseconds which JavaScript and SQLite both hold exactly. */
export function storable(durationMs: number, now: number): boolean {
  return durationMs >= 0 && Number.isSafeInteger(now + Math.ceil(durationMs))
}

/** Keys are stored as JSON text: a lone surrogate or a NUL in one must neither collide with another key nor cut it short. */
function keyText(key: string): string {
  return JSON.stringify(key)
}
