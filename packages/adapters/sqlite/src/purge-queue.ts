import type { Session } from './session.ts'
import { promoteNext } from './settle-messages.ts'
import type { Writer } from './writer.ts'

/** Rows per transaction, so that a purge of a million does not stop the event loop or keep others from the lock. */
const PURGE_BATCH = 1_000

/** The newest row of all queues, without reading any message (sqlite.org/autoinc.html). */
const LAST = "SELECT seq AS last FROM sqlite_sequence WHERE name = 'switchyard_message'"
const DELETE = `DELETE FROM switchyard_message WHERE seq IN
  (SELECT seq FROM switchyard_message INDEXED BY switchyard_identity WHERE queue = ? AND seq <= ? LIMIT ${PURGE_BATCH})
  RETURNING order_key, head`

/** Removes everything that was there when it began, leased messages too: their leases are lost. Newer messages stay. */
export async function purgeQueue(writer: Writer, queueName: string, queue: number): Promise<void> {
  const last = await writer.read('purge', queueName, (session) => session.get(LAST)?.last ?? null)
  if (last === null) return
  let deleted = PURGE_BATCH
  while (deleted === PURGE_BATCH) {
    deleted = await writer.submit({
      doing: 'purge',
      queue: queueName,
      full: true,
      weight: PURGE_BATCH,
      run: (session, now) => deleteBatch(session, queue, Number(last), now),
    })
  }
}

function deleteBatch(session: Session, queue: number, last: number, now: number): number {
  const rows = session.all(DELETE, queue, last)
  // The next of a key may be one that came after the purge began, and nobody else would let it go.
  for (const { order_key: key, head } of rows) if (head === 1) promoteNext(session, queue, String(key), now)
  return rows.length
}
