import type { Delivery, Settlement, SettleResult } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { insertMessage, storable } from './insert-message.ts'
import { findQueue, queueNotFound } from './queue-table.ts'
import { BLOCKED, DELAYED, LEASED, READY } from './schema.ts'
import type { Session } from './session.ts'

/** The fence: the row is still leased, by this lease, and the lease has not ended. Not even our own late completion passes. */
const OURS = `seq = ? AND lease = ? AND state = ${LEASED} AND due > ?`
const HOLDS = `SELECT 1 FROM switchyard_message WHERE ${OURS}`
const UNSETTLED = `SELECT 1 FROM switchyard_message WHERE seq = ? AND (lapses > ? OR (lease = ? AND state = ${LEASED}))`
const COMPLETE = `DELETE FROM switchyard_message WHERE ${OURS}`
const PUT_BACK = `UPDATE switchyard_message SET state = ?, due = ?, since = coalesce(?, since), note = coalesce(?, note) WHERE ${OURS}`
const EXTEND = `UPDATE switchyard_message SET due = ? WHERE ${OURS}`
/** The next message of an order key, once its head has gone: ready, or still delayed since its send. */
const PROMOTE = `UPDATE switchyard_message SET state = iif(due > ?, ${DELAYED}, ${READY}), head = 1 WHERE seq =
  (SELECT seq FROM switchyard_message INDEXED BY switchyard_blocked
   WHERE queue = ? AND state = ${BLOCKED} AND order_key = ? ORDER BY seq LIMIT 1)`
const REMEMBER = `INSERT OR REPLACE INTO switchyard_done (queue, id, expires)
  SELECT id, ?, ? + dedupe_ms FROM switchyard_queue WHERE id = ? AND dedupe_ms > 0`
const FORGET = `DELETE FROM switchyard_done WHERE (queue, id) IN
  (SELECT queue, id FROM switchyard_done INDEXED BY switchyard_done_expires WHERE expires <= ? LIMIT 2)`

/** What a delivery's receipt holds: the row, the lease, and what settling needs without another read. */
export interface Receipt {
  readonly seq: number
  readonly lease: number
  readonly queue: number
  readonly orderKey: string | null
}

/** The receipt of one of our deliveries. */
export function receiptOf(delivery: Delivery): Receipt {
  return delivery.receipt as Receipt
}

/** Loses work, not messages, when a power cut takes it; everything else must be flushed. */
export function needsFull(settlements: readonly Settlement[]): boolean {
  return settlements.some(({ kind }) => kind !== 'complete')
}

/** Ends one lease in the current transaction. */
export function settleMessage(session: Session, settlement: Settlement, now: number): SettleResult {
  const receipt = receiptOf(settlement.delivery)
  if (settlement.kind === 'complete') return complete(session, receipt, settlement.delivery.message.id, now)
  if (settlement.kind === 'move') return move(session, settlement, receipt, now)
  return putBack(session, settlement, receipt, now)
}

function complete(session: Session, receipt: Receipt, id: string, now: number): SettleResult {
  if (session.run(COMPLETE, receipt.seq, receipt.lease, now) === 0) return 'lost'
  if (session.run(REMEMBER, id, now, receipt.queue) > 0) session.run(FORGET, now)
  promoteNext(session, receipt.queue, receipt.orderKey, now)
  return 'settled'
}

function putBack(
  session: Session,
  settlement: Extract<Settlement, { kind: 'retry' | 'release' }>,
  { seq, lease, queue }: Receipt,
  now: number,
): SettleResult {
  const { kind, delayMs, note = null } = settlement
  if (!storable(delayMs, now)) {
    const text = `${kind} of message ${settlement.delivery.message.id}: delayMs ${delayMs} is not a time that can be stored`
    return new BrokerError({ code: 'invalid', adapter: 'sqlite', message: text })
  }
  const due = now + Math.ceil(delayMs)
  // A release at once is a hand-back and keeps its place; anything else queues up again when it is due.
  const since = kind === 'release' && delayMs === 0 ? null : due
  if (session.run(PUT_BACK, delayMs > 0 ? DELAYED : READY, due, since, note, seq, lease, now) === 0) return 'lost'
  session.rings.add(queue)
  return 'settled'
}

function move(
  session: Session,
  { delivery, to, message }: Extract<Settlement, { kind: 'move' }>,
  receipt: Receipt,
  now: number,
): SettleResult {
  if (session.get(HOLDS, receipt.seq, receipt.lease, now) === undefined) return 'lost'
  const target = findQueue(session, to)
  if (target === null) return queueNotFound(to)
  const sent = insertMessage(session, target, message, now, { moved: true })
  // `duplicate`: the same id waits there already, so that the move has happened before.
  if (sent instanceof BrokerError) return sent
  return complete(session, receipt, delivery.message.id, now)
}

/** Renews one lease until `until`. */
export function extendLease(session: Session, { seq, lease }: Receipt, until: number, now: number): SettleResult {
  return session.run(EXTEND, until, seq, lease, now) > 0 ? 'settled' : 'lost'
}

/** Puts a message back where it was, as if never leased: no lapse, same place, same note. */
export function giveBack(session: Session, { seq, lease, queue }: Receipt, now: number): void {
  if (session.run(PUT_BACK, READY, now, null, null, seq, lease, now) > 0) session.rings.add(queue)
}

/** Whether a lease that has ended by the clock ended unsettled: its row is still leased by it, or was taken back as lapsed. */
export function leaseUnsettled(session: Session, { seq, lease }: Receipt, lapses: number): boolean {
  return session.get(UNSETTLED, seq, lapses, lease) !== undefined
}

/** Lets the next message of an order key go, if there is one. */
export function promoteNext(session: Session, queue: number, orderKey: string | null, now: number): void {
  if (orderKey !== null && session.run(PROMOTE, now, queue, orderKey) > 0) session.rings.add(queue)
}
