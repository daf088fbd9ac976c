import { type BrokerError, copyId, type Settlement } from '@switchyard/core/adapter'
import { MAX_SEND_DELAY_MS, MAX_VISIBILITY_MS, MOST_IN_PLACE, RETENTION_MS } from './capabilities.ts'
import { refusal } from './errors.ts'
import type { Lease } from './leases.ts'
import { type Entry, entryOf, noteRefusal, refusalOf, toEntry } from './wire.ts'

/** A settlement that puts the same message back. */
export type PutBack = Extract<Settlement, { kind: 'retry' | 'release' }>

/** What the rules look at beside the settlement and its lease. */
export interface Terms {
  readonly queue: string
  readonly fifo: boolean
  /** Host clock. */
  readonly now: number
}

/** A message parked by visibility ages; a copy starts anew. A day is left for it to be worked on. */
const OLDEST_IN_PLACE_MS = RETENTION_MS - 86_400_000
/** The 12 hours count from the server's receive, which we know only to lie after our request. */
const VISIBILITY_SLACK_MS = 2_000

/** What must not be tried. */
export function refusedOf(terms: Terms, settlement: Settlement, lease: Lease): BrokerError | undefined {
  const { queue, fifo } = terms
  if (settlement.kind === 'complete') return undefined
  if (settlement.kind === 'move') return refusalOf(settlement.message, { queue: settlement.to, fifo })
  const { delayMs, note } = settlement
  if (!(delayMs >= 0 && delayMs <= MAX_VISIBILITY_MS))
    return refusal('invalid', queue, `a delay of ${delayMs} ms is not within 0 and ${MAX_VISIBILITY_MS} ms`)
  if (fifo) {
    if (note !== undefined) return refusal('unsupported', queue, 'FIFO queues keep no notes: use standard queues')
    if (!fitsVisibility(terms, delayMs, lease))
      return refusal('unsupported', queue, 'a FIFO message can wait for 12 hours after it was received, not longer')
  }
  return note === undefined ? undefined : noteRefusal(note, queue)
}

/**
 * The note stays, SQS can hide it that long, it has not gone back so often that core would take that for lapses, and it is not
 * near the end of its retention. Otherwise a copy goes back.
 */
export function goesInPlace(terms: Terms, { note, delayMs }: PutBack, lease: Lease): boolean {
  const { received } = lease
  if (terms.fifo) return true
  if (note !== undefined && note !== received.note) return false
  const aged = received.sentAt > 0 && terms.now - received.sentAt + delayMs > OLDEST_IN_PLACE_MS
  return received.receives <= MOST_IN_PLACE && !aged && fitsVisibility(terms, delayMs, lease)
}

function fitsVisibility({ now }: Terms, delayMs: number, { requestedAt }: Lease): boolean {
  return now - requestedAt + delayMs <= MAX_VISIBILITY_MS - VISIBILITY_SLACK_MS
}

/** What is stored before the original is deleted, and where. Its id is its own, so that no dedupe can take it for the original. */
export function copyOf(
  { queue, fifo, now }: Terms,
  settlement: Exclude<Settlement, { kind: 'complete' }>,
  { received }: Lease,
): Entry & { readonly queue: string } {
  if (settlement.kind === 'move')
    return { queue: settlement.to, ...toEntry(settlement.message, { fifo, dedupeId: `move-${settlement.message.id}` }) }
  const { delayMs, note } = settlement
  const copy = {
    ...received,
    id: copyId(received.id, 'copy'),
    note: note ?? received.note,
    // DelaySeconds ends before: whoever receives it then lets it wait out the rest
    dueAt: delayMs > MAX_SEND_DELAY_MS ? Math.ceil(now + delayMs) : 0,
  }
  return { queue, ...entryOf(copy, { delayMs: Math.min(delayMs, MAX_SEND_DELAY_MS), dedupeId: copy.id }) }
}
