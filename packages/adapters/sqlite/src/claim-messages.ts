import { DELAYED, LEASED, READY } from './schema.ts'
import type { Session } from './session.ts'

const LAPSE = `UPDATE switchyard_message INDEXED BY switchyard_leased SET state = ${READY}, lapses = lapses + 1
  WHERE queue = ? AND state = ${LEASED} AND due <= ?`
const ARRIVE = `UPDATE switchyard_message SET state = ${READY} WHERE seq IN
  (SELECT seq FROM switchyard_message INDEXED BY switchyard_delayed
   WHERE queue = ? AND state = ${DELAYED} AND due <= ? ORDER BY due, seq LIMIT ?)`
const CLAIM = `UPDATE switchyard_message SET state = ${LEASED}, due = ?, lease = lease + 1 WHERE seq IN
  (SELECT seq FROM switchyard_message INDEXED BY switchyard_ready
   WHERE queue = ? AND state = ${READY} ORDER BY since, seq LIMIT ?)
  RETURNING seq, id, body, note, lapses, lease, since, order_key`
const ANY_READY = `SELECT 1 FROM switchyard_message INDEXED BY switchyard_ready WHERE queue = ? AND state = ${READY} LIMIT 1`
const NEXT_DELAYED = `SELECT due FROM switchyard_message INDEXED BY switchyard_delayed
  WHERE queue = ? AND state = ${DELAYED} ORDER BY due LIMIT 1`
const NEXT_LAPSE = `SELECT due FROM switchyard_message INDEXED BY switchyard_leased
  WHERE queue = ? AND state = ${LEASED} ORDER BY due LIMIT 1`

/** Due messages made ready in one claim. At least as many as are claimed keeps the order exact; a bound keeps the claim short. */
const DUE_AT_ONCE = 1_000

/** A leased row. */
export interface Claimed {
  readonly seq: number
  readonly lease: number
  readonly orderKey: string | null
  readonly id: string
  readonly body: string
  readonly note: string | null
  readonly lapses: number
}

/** Ends lapsed leases, lets due messages arrive, then leases up to `max` of what is ready, oldest first. */
export function claimMessages(
  session: Session,
  queue: number,
  max: number,
  now: number,
  leaseMs: number,
): readonly Claimed[] {
  session.run(LAPSE, queue, now)
  session.run(ARRIVE, queue, now, Math.max(DUE_AT_ONCE, max))
  const rows = session.all(CLAIM, now + leaseMs, queue, max)
  // RETURNING has no order of its own (sqlite.org/lang_returning.html).
  rows.sort((a, b) => Number(a.since) - Number(b.since) || Number(a.seq) - Number(b.seq))
  return rows.map((row) => ({
    seq: Number(row.seq),
    lease: Number(row.lease),
    orderKey: row.order_key === null ? null : String(row.order_key),
    id: String(row.id),
    body: String(row.body),
    note: row.note === null ? null : String(row.note),
    lapses: Number(row.lapses),
  }))
}

/** When a claim can bring something: 0 = now, Infinity = not before somebody sends. Reads three index entries. */
export function nextClaimAt(session: Session, queue: number): number {
  if (session.get(ANY_READY, queue) !== undefined) return 0
  const delayed = session.get(NEXT_DELAYED, queue)?.due ?? Number.POSITIVE_INFINITY
  const lapse = session.get(NEXT_LAPSE, queue)?.due ?? Number.POSITIVE_INFINITY
  return Math.min(Number(delayed), Number(lapse))
}
