import type { BrowsedMessage, BrowsePage, BrowseResult } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { BLOCKED, DELAYED, LEASED, READY } from './schema.ts'
import type { Row, Session } from './session.ts'

/** One index walked from a position on. */
interface Walk {
  readonly sql: string
  readonly column: string
  /** Smaller than every value of the column. */
  readonly start: number | string
}

const walk = (index: string, state: number, column: string, start: number | string, rest: string): Walk => ({
  column,
  start,
  sql: `SELECT seq, since, due, order_key, id, body, note, lapses FROM switchyard_message INDEXED BY switchyard_${index}
    WHERE queue = ?1 AND state = ${state} AND (${column}, seq) > (?2, ?3) AND ${rest} ORDER BY ${column}, seq LIMIT ?5`,
})

const NEVER = Number.MIN_SAFE_INTEGER
/** Which walks show a state. What is due or lapsed counts as ready, as in `stats`, although no claim has come by to say so. */
const WALKS: Readonly<Record<BrowsePage['state'], readonly Walk[]>> = {
  ready: [
    walk('ready', READY, 'since', NEVER, '?4 = ?4'),
    walk('delayed', DELAYED, 'due', NEVER, 'due <= ?4'),
    walk('leased', LEASED, 'due', NEVER, 'due <= ?4'),
    walk('blocked', BLOCKED, 'order_key', '', '?4 = ?4'),
  ],
  delayed: [walk('delayed', DELAYED, 'due', NEVER, 'due > ?4')],
  leased: [walk('leased', LEASED, 'due', NEVER, 'due > ?4')],
}

/** Where a page ended: which walk, and its last position. */
type Position = readonly [walk: number, value: number | string, seq: number]

/** Reads one page in index order without taking anything; a message that changes state between two pages may show twice or not. */
export function browseMessages(
  session: Session,
  queue: { readonly id: number; readonly name: string },
  page: BrowsePage,
  now: number,
): BrowseResult {
  const walks = WALKS[page.state]
  let [index, value, seq] = readCursor(page, walks, queue.name)
  const messages: BrowsedMessage[] = []
  for (; index < walks.length; index += 1, value = walks[index]?.start ?? NEVER, seq = 0) {
    const { sql, column } = walks[index] as Walk
    const rows = session.all(sql, queue.id, value, seq, now, page.limit - messages.length)
    messages.push(...rows.map((row) => browsed(row, page.state)))
    const last = rows.at(-1)
    if (messages.length < page.limit || last === undefined) continue
    const end: Position = [index, last[column] as number | string, Number(last.seq)]
    return { messages, cursor: Buffer.from(JSON.stringify(end)).toString('base64url') }
  }
  return { messages, cursor: null }
}

function browsed(row: Row, state: BrowsePage['state']): BrowsedMessage {
  return {
    message: { id: String(row.id), body: String(row.body) },
    note: row.note === null ? null : String(row.note),
    lapses: Number(row.lapses),
    // Of a leased one, `due` is the end of the lease; when it was due is what `since` remembers.
    dueAt: Number(state === 'delayed' ? row.due : row.since),
  }
}

function readCursor({ cursor, limit }: BrowsePage, walks: readonly Walk[], queue: string): Position {
  if (!Number.isSafeInteger(limit) || limit < 1) throw invalid(queue, `limit ${limit} is not a whole number above 0`)
  if (cursor === null) return [0, walks[0]?.start ?? NEVER, 0]
  const position = parse(cursor)
  if (position === null || position[0] >= walks.length) {
    throw invalid(queue, 'the cursor is not one that the last page of this state returned: start again with null')
  }
  return position
}

function parse(cursor: string): Position | null {
  try {
    const [index, value, seq]: unknown[] = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    const whole = Number.isSafeInteger(index) && Number.isSafeInteger(seq) && Number(index) >= 0
    return whole && (typeof value === 'string' || Number.isSafeInteger(value))
      ? ([index, value, seq] as Position)
      : null
  } catch {
    return null
  }
}

function invalid(queue: string, message: string): BrokerError {
  return new BrokerError({ code: 'invalid', adapter: 'sqlite', queue, message: `browse: ${message}` })
}
