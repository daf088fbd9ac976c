import { BrokerError, type Settlement, type SettleResult } from '@switchyard/core/adapter'
import { ADAPTER, toBrokerError } from './errors.ts'
import type { Lease } from './lease.ts'
import type { Parcel, Publisher } from './publisher.ts'
import { toCopy, toOutgoing } from './wire.ts'

/** What settling needs of its consumer. */
export interface SettleParts {
  readonly queue: string
  readonly publisher: Publisher
  /** The native name of a queue. */
  readonly native: (queue: string) => string
  /** The lease behind a receipt, if it still stands. */
  readonly find: (receipt: unknown) => Lease | null
  /** For each of the at most three steps. */
  readonly stepMs: number
}

interface Item {
  readonly index: number
  readonly settlement: Settlement
  readonly lease: Lease
  copied: boolean
}

/**
 * Settles a batch. Retry, release and move are composed: first the lease is proven to stand, then the copy is confirmed, then the
 * original is acknowledged. A crash between the last two doubles the message and never loses it.
 */
export async function settleBatch(settlements: readonly Settlement[], parts: SettleParts): Promise<SettleResult[]> {
  const results: (SettleResult | undefined)[] = settlements.map(() => undefined)
  const items: Item[] = []
  for (const [index, settlement] of settlements.entries()) {
    const lease = parts.find(settlement.delivery.receipt)
    if (lease === null || lease.state === 'settling') results[index] = 'lost'
    else {
      // An acknowledgement that was written but not proven is only asked about again: `acked` stays.
      if (lease.state === 'open') lease.state = 'settling'
      items.push({ index, settlement, lease, copied: lease.state === 'acked' })
    }
  }
  const open = await copyFirst(items, results, parts)
  const written = open.filter((item) => {
    if (item.lease.state === 'acked' || item.lease.channel.acknowledge(item.lease)) return true
    results[item.index] = item.copied ? unknownAfterCopy(parts.queue) : 'lost'
    return false
  })
  await prove(written, results, parts)
  for (const { lease } of items) if (lease.state === 'settling') lease.state = 'open'
  return results.map((result) => result ?? 'lost')
}

/** Publishes the copies; answers the items that may be acknowledged. */
async function copyFirst(
  items: readonly Item[],
  results: (SettleResult | undefined)[],
  parts: SettleParts,
): Promise<readonly Item[]> {
  const composed = items.filter(({ settlement, copied }) => settlement.kind !== 'complete' && !copied)
  const channel = composed[0]?.lease.channel
  if (channel === undefined) return items
  try {
    await channel.barrier(parts.stepMs)
  } catch (error) {
    for (const { index, lease } of composed)
      results[index] = lease.channel.alive ? toBrokerError(error, { queue: parts.queue, doing: 'settle' }) : 'lost'
    return items.filter(({ index }) => results[index] === undefined)
  }
  const standing = composed.filter(({ lease, index }) => {
    if (lease.channel.holds(lease)) return true
    results[index] = 'lost'
    return false
  })
  const answers = await parts.publisher.publish(
    standing.map((item) => parcel(item, parts)),
    parts.stepMs,
  )
  for (const [at, item] of standing.entries()) {
    const answer = answers[at]
    if (answer instanceof BrokerError) results[item.index] = answer
    else item.copied = true
  }
  return items.filter(({ index }) => results[index] === undefined)
}

function parcel({ settlement, lease }: Item, { queue, native }: SettleParts): Parcel {
  if (settlement.kind === 'move')
    return { queue: settlement.to, ...toOutgoing(native(settlement.to), settlement.message) }
  if (settlement.kind === 'complete') throw new TypeError('complete makes no copy')
  return { queue, ...toCopy(native(queue), lease.native, { note: settlement.note, delayMs: settlement.delayMs }) }
}

async function prove(
  written: readonly Item[],
  results: (SettleResult | undefined)[],
  parts: SettleParts,
): Promise<void> {
  const channel = written[0]?.lease.channel
  if (channel === undefined) return
  try {
    await channel.barrier(parts.stepMs)
    for (const { index, lease } of written) {
      channel.forget(lease)
      results[index] = 'settled'
    }
  } catch (error) {
    for (const { index } of written)
      results[index] = toBrokerError(error, { queue: parts.queue, doing: 'settle', maybeApplied: true })
  }
}

function unknownAfterCopy(queue: string): BrokerError {
  return new BrokerError({
    adapter: ADAPTER,
    code: 'unavailable',
    queue,
    message:
      'the connection ended after the copy was stored and before the original was acknowledged: both will be delivered',
    maybeApplied: true,
  })
}
