import type { Backoff } from '../job/retry-policy.ts'

/** Delay in whole ms after failure number `failures` (1 = first). `random` is uniform in [0, 1). */
export function backoffDelay(backoff: Backoff, failures: number, random: () => number): number {
  const ceiling = ceilingOf(backoff, failures)
  return Math.round(backoff.jitter === 'full' ? random() * ceiling : ceiling)
}

function ceilingOf(backoff: Backoff, failures: number): number {
  switch (backoff.kind) {
    case 'fixed':
      return backoff.delayMs
    case 'exponential':
      // 0 times a power that has become Infinity is not a number.
      return backoff.baseMs === 0 ? 0 : Math.min(backoff.maxMs, backoff.baseMs * backoff.factor ** (failures - 1))
    case 'list':
      return backoff.delaysMs[Math.min(failures, backoff.delaysMs.length) - 1] ?? 0
  }
}
