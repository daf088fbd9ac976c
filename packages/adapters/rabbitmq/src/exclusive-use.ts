import { BrokerError } from '@switchyard/core/adapter'
import { ADAPTER } from './errors.ts'
import type { Publisher } from './publisher.ts'

/**
 * Exclusive use. Quorum queues ignore the exclusive flag of a consumer (3.10.8 let two in), so that it is built on a lock: an
 * exclusive queue, which the server gives to one connection and removes with it. Whoever locks counts the consumers afterwards; whoever
 * subscribes looks for the lock before and after: one of the two notices.
 */
export function lockName(native: string): string {
  return `${native}.switchyard-exclusive`
}

/** @throws BrokerError `conflict` while somebody holds the lock. */
export async function yieldToExclusive(
  publisher: Publisher,
  { queue, native }: { queue: string; native: string },
): Promise<void> {
  const locked = await publisher.exists(lockName(native)).catch((error: unknown) => {
    // During a memory or disk alarm nothing can be published, and consuming is what ends the alarm.
    if (error instanceof BrokerError && error.code === 'full') return false
    throw error
  })
  if (locked) throw inUse(queue, 'another consumer uses it exclusively')
}

/** Somebody else is there. */
export function inUse(queue: string, message: string): BrokerError {
  return new BrokerError({ adapter: ADAPTER, code: 'conflict', queue, message })
}
