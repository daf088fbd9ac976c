import { BrokerError, copyId, type Settlement, type SettleResult } from '@switchyard/core/adapter'
import { MAX_SEND_DELAY_MS, MAX_VISIBILITY_MS, MOST_IN_PLACE, RETENTION_MS } from './capabilities.ts'
import { deleteMessages } from './delete-messages.ts'
import { ADAPTER, refusal } from './errors.ts'
import type { Lease, Leases } from './leases.ts'
import { type Context, sendEntries } from './send.ts'
import { changeVisibility } from './visibility.ts'
import { type Entry, entryOf, noteRefusal, refusalOf, toEntry, wholeSeconds } from './wire.ts'

type PutBack = Extract<Settlement, { kind: 'retry' | 'release' }>

/** One settlement with its lease. */
interface Item {
  readonly place: number
  readonly settlement: Settlement
  readonly lease: Lease
}

interface Copy extends Item, Entry {
  readonly queue: string
}

/** What settling needs of its consumer. */
export interface SettleParts {
  readonly context: Context
  readonly queue: string
  readonly leases: Leases
}

/** A message parked by visibility ages; a copy starts anew. A day is left for it to be worked on. */
const OLDEST_IN_PLACE_MS = RETENTION_MS - 86_400_000
/** The 12 hours count from the server's receive, which we know only to lie after our request. */
const VISIBILITY_SLACK_MS = 2_000

/**
 * Settles a batch: `lost` without a call where the lease is over, completions by delete, what goes back unchanged by visibility,
 * everything else by a confirmed copy and then the delete of the original. Never rejects.
 */
export async function settleBatch(parts: SettleParts, settlements: readonly Settlement[]): Promise<SettleResult[]> {
  const { context, leases } = parts
  const { clock, callDeadlineMs } = context.calls.host
  const endsAt = clock.now() + callDeadlineMs
  const results: SettleResult[] = settlements.map(() => 'lost')
  const [complete, back, copies]: [Item[], Item[], Copy[]] = [[], [], []]
  for (const [place, settlement] of settlements.entries()) {
    const lease = leases.find(settlement.delivery)
    if (lease === undefined || lease.settling) continue
    const item = { place, settlement, lease }
    const refused = lease.copied ? undefined : refusedOf(parts, settlement, lease)
    if (refused !== undefined) results[place] = refused
    else {
      lease.settling = true
      if (settlement.kind === 'complete' || lease.copied) complete.push(item)
      else if (settlement.kind !== 'move' && goesInPlace(parts, settlement, lease)) back.push(item)
      else copies.push({ ...item, ...copyOf(parts, settlement, lease) })
    }
  }
  try {
    await Promise.all([
      erase(parts, complete, results, endsAt),
      putBack(parts, back, results, endsAt),
      store(parts, copies, results, endsAt).then((stored) => erase(parts, stored, results, endsAt)),
    ])
  } finally {
    for (const { lease } of [...complete, ...back, ...copies]) lease.settling = false
  }
  return results
}

/** What must not be tried. */
function refusedOf({ context, queue }: SettleParts, settlement: Settlement, lease: Lease): BrokerError | undefined {
  const { settings, calls } = context
  if (settlement.kind === 'complete') return undefined
  if (settlement.kind === 'move') return refusalOf(settlement.message, settlement.to, settings.fifo)
  const { delayMs, note } = settlement
  if (!(delayMs >= 0 && delayMs <= MAX_VISIBILITY_MS))
    return refusal('invalid', queue, `a delay of ${delayMs} ms is not within 0 and ${MAX_VISIBILITY_MS} ms`)
  if (settings.fifo) {
    if (note !== undefined) return refusal('unsupported', queue, 'FIFO queues keep no notes: use standard queues')
    if (!fitsVisibility(lease, delayMs, calls.host.clock.now()))
      return refusal('unsupported', queue, 'a FIFO message can wait for 12 hours after it was received, not longer')
  }
  return note === undefined ? undefined : noteRefusal(note, queue)
}

/** The note stays, SQS can hold it that long, it has not gone back too often (core reads that as lapses), and it is not near the end of its retention. */
function goesInPlace({ context }: SettleParts, { note, delayMs }: PutBack, lease: Lease): boolean {
  const { settings, calls } = context
  if (settings.fifo) return true
  const { received } = lease
  if (note !== undefined && note !== received.note) return false
  const now = calls.host.clock.now()
  const aged = received.sentAt > 0 && now - received.sentAt + delayMs > OLDEST_IN_PLACE_MS
  return received.receives <= MOST_IN_PLACE && !aged && fitsVisibility(lease, delayMs, now)
}

function fitsVisibility({ requestedAt }: Lease, delayMs: number, now: number): boolean {
  return now - requestedAt + delayMs <= MAX_VISIBILITY_MS - VISIBILITY_SLACK_MS
}

function copyOf({ context, queue }: SettleParts, settlement: Settlement, lease: Lease): Entry & { queue: string } {
  const { settings, calls } = context
  if (settlement.kind === 'complete') throw new TypeError('complete makes no copy')
  if (settlement.kind === 'move') return { queue: settlement.to, ...toEntry(settlement.message, settings.fifo) }
  const { received } = lease
  const { delayMs } = settlement
  const copy = {
    ...received,
    id: copyId(received.id, 'copy'),
    note: settlement.note ?? received.note,
    dueAt: delayMs > MAX_SEND_DELAY_MS ? Math.ceil(calls.host.clock.now() + delayMs) : 0,
  }
  return { queue, ...entryOf(copy, Math.min(delayMs, MAX_SEND_DELAY_MS)) }
}

/** Stores the copies; answers those whose originals may go. */
async function store(
  { context }: SettleParts,
  copies: readonly Copy[],
  results: SettleResult[],
  endsAt: number,
): Promise<readonly Item[]> {
  const stored: Item[] = []
  await Promise.all(
    [...Map.groupBy(copies, ({ queue }) => queue)].map(async ([queue, entries]) => {
      const answers = await sendEntries(context, { queue, entries, endsAt, doing: 'settle by a copy' })
      for (const [index, item] of entries.entries()) {
        const answer = answers[index]
        if (answer instanceof BrokerError) {
          results[item.place] = answer
          item.lease.doubtful ||= answer.maybeApplied
        } else {
          item.lease.copied = true
          stored.push(item)
        }
      }
    }),
  )
  return stored
}

async function erase(
  { context, queue, leases }: SettleParts,
  items: readonly Item[],
  results: SettleResult[],
  endsAt: number,
): Promise<void> {
  const handles = items.map(({ lease }) => lease.received.handle)
  const answers = await deleteMessages(context, { queue, handles, endsAt, doing: 'settle' })
  for (const [index, { place, settlement, lease }] of items.entries()) {
    const answer = answers[index] ?? 'lost'
    results[place] = answer === 'lost' && lease.copied ? doubled(queue) : answer
    if (answer instanceof BrokerError) lease.doubtful ||= answer.maybeApplied
    else if (answer === 'settled' || lease.copied) leases.drop(settlement.delivery)
  }
}

async function putBack(
  { context, queue, leases }: SettleParts,
  items: readonly Item[],
  results: SettleResult[],
  endsAt: number,
): Promise<void> {
  const changes = items.map(({ settlement, lease }) => ({
    handle: lease.received.handle,
    seconds: wholeSeconds((settlement as PutBack).delayMs),
  }))
  const answers = await changeVisibility(context, { queue, changes, endsAt, doing: 'settle in place' })
  for (const [index, { place, settlement }] of items.entries()) {
    const answer = answers[index] ?? 'lost'
    results[place] = answer
    // When the answer was lost somebody else may hold it already; a second change with this receipt could end his lease.
    if (answer === 'settled' || (answer instanceof BrokerError && answer.maybeApplied)) leases.drop(settlement.delivery)
  }
}

function doubled(queue: string): BrokerError {
  return new BrokerError({
    code: 'unknown',
    adapter: ADAPTER,
    queue,
    message: 'the lease ended between the copy and the delete of the original: both will be delivered',
    maybeApplied: true,
    retryable: false,
  })
}
