import { BrokerError, type Settlement, type SettleResult } from '@switchyard/core/adapter'
import { deleteMessages } from './delete-messages.ts'
import { ADAPTER } from './errors.ts'
import type { Lease, Leases } from './leases.ts'
import { copyOf, goesInPlace, type PutBack, refusedOf } from './put-back.ts'
import { type Context, sendEntries } from './send.ts'
import { changeVisibility } from './visibility.ts'
import { type Entry, wholeSeconds } from './wire.ts'

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

/**
 * Settles a batch: `lost` without a call where the lease is over, completions by delete, what goes back unchanged by visibility,
 * everything else by a confirmed copy and then the delete of the original. Never rejects.
 */
export async function settleBatch(parts: SettleParts, settlements: readonly Settlement[]): Promise<SettleResult[]> {
  const { context, leases } = parts
  const { clock, callDeadlineMs } = context.calls.host
  const endsAt = clock.now() + callDeadlineMs
  const terms = { queue: parts.queue, fifo: context.settings.fifo, now: clock.now() }
  const results: SettleResult[] = settlements.map(() => 'lost')
  const [complete, back, copies]: [Item[], Item[], Copy[]] = [[], [], []]
  for (const [place, settlement] of settlements.entries()) {
    const lease = leases.find(settlement.delivery)
    if (lease === undefined || lease.settling) continue
    const item = { place, settlement, lease }
    const refused = lease.copied ? undefined : refusedOf(terms, settlement, lease)
    if (refused !== undefined) results[place] = refused
    else {
      lease.settling = true
      if (settlement.kind === 'complete' || lease.copied) complete.push(item)
      else if (settlement.kind !== 'move' && goesInPlace(terms, settlement, lease)) back.push(item)
      else copies.push({ ...item, ...copyOf(terms, settlement, lease) })
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
    const told = answers[index] ?? 'lost'
    // SQS answers a delete with an ended receipt like any other: past the lease its "deleted" proves nothing.
    const late = told === 'settled' && context.calls.host.clock.now() >= lease.trustedUntil
    const answer = late ? tooLate(queue) : told
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

function tooLate(queue: string): BrokerError {
  return new BrokerError({
    code: 'timeout',
    adapter: ADAPTER,
    queue,
    message:
      'the delete was answered after the lease had ended: SQS may have ignored it, and then delivers the message again',
    maybeApplied: true,
    retryable: false,
  })
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
