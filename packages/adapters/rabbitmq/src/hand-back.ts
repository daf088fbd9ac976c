import { BrokerError } from '@switchyard/core/adapter'
import type { Lease } from './lease.ts'
import type { LeaseChannel } from './lease-channel.ts'
import type { Publisher } from './publisher.ts'
import { toCopy } from './wire.ts'

/** Hand-backs count as deliveries; from this many on a message goes back as a copy, so that they alone never look like a crash loop. */
const COUNTED_HAND_BACKS = 2

/** What handing back needs. */
export interface HandBackParts {
  readonly publisher: Publisher
  readonly queue: string
  /** Native queue name. */
  readonly native: string
  /** For each of the two steps. */
  readonly stepMs: number
}

/**
 * Gives leases back and stops leasing. Most go back at their place, in order; those handed back often already go to the end as confirmed
 * copies that keep the count. Resolves when the server has done it.
 */
export async function handBack(channel: LeaseChannel, leases: readonly Lease[], parts: HandBackParts): Promise<void> {
  await channel.unsubscribe()
  const { publisher, queue, native, stepMs } = parts
  const open = leases.filter(({ state }) => state === 'open')
  const often = open.filter(({ delivery }) => (delivery.lapses ?? 0) >= COUNTED_HAND_BACKS)
  const copies = often.map((lease) => ({ queue, ...toCopy(native, lease.native, { delayMs: 0 }) }))
  const answers = await publisher.publish(copies, stepMs)
  for (const [at, lease] of often.entries())
    if (!(answers[at] instanceof BrokerError) && channel.acknowledge(lease)) channel.forget(lease)
  // Also the copies that failed: at their place, with one more on the count.
  for (const lease of open) if (lease.state === 'open') channel.putBack(lease)
  await channel.barrier(stepMs)
}
