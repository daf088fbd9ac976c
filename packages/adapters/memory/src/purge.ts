import type { Lease } from './lease.ts'
import type { MemoryQueue } from './memory-queue.ts'

/** Removes what `capabilities.purge` says: everything, or what is ready and unleased. Purged ids are not remembered. */
export function purgeQueue(queue: MemoryQueue, what: 'all' | 'ready', now: number): void {
  // Who stands behind a head goes first, so that removing the head promotes nobody who is to be purged.
  for (const entry of queue.keys.purge((one) => what === 'all' || one.dueAt <= now)) queue.forget(entry)
  const waiting = queue.ready.clear()
  queue.ghosts = 0
  if (what === 'all') waiting.push(...queue.delayed.clear())
  for (const entry of waiting) {
    queue.forget(entry)
    queue.remove(entry, now)
  }
  if (what === 'ready') return
  for (const holder of queue.holders) {
    const ended: Lease[] = holder.leases.all()
    for (const lease of ended) {
      const entry = queue.unlease(lease)
      queue.forget(entry)
      queue.remove(entry, now)
    }
    if (ended.length > 0) holder.lost(ended)
  }
}
