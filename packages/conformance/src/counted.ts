import type { QueueStats } from '@switchyard/core/adapter'
import { systemClock } from '@switchyard/core/adapter'
import type { Bench } from './bench.ts'
import { check } from './check.ts'

/** Every figure that says it is exact must come to be right; estimates and nulls are not held to anything. */
export async function counted(
  bench: Bench,
  queue: string,
  expected: Record<'ready' | 'leased' | 'delayed', number>,
): Promise<void> {
  const until = systemClock.now() + bench.waits.arrivalMs
  for (;;) {
    const stats: QueueStats = await bench.adapter.stats(queue)
    const wrong = (['ready', 'leased', 'delayed'] as const).filter(
      (name) => stats[name]?.exact === true && stats[name].value !== expected[name],
    )
    if (wrong.length === 0) return
    const seen = wrong.map((name) => `${name} ${stats[name]?.value} instead of ${expected[name]}`)
    check(systemClock.now() < until, `stats that say they are exact: ${seen.join(', ')}`)
    await systemClock.sleep(20)
  }
}
