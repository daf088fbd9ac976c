import type { Bench } from './bench.ts'
import { Unverified } from './case.ts'

/**
 * Leases `count` messages and lets the leases end unsettled: by time where leases are timed, otherwise by killing the
 * process that holds them, or by cutting its connection where no other process can reach the broker.
 */
export async function lapse(bench: Bench, queue: string, count: number): Promise<void> {
  const { lease } = bench.capabilities
  const take = { withinMs: bench.waits.lapse(bench.shortLeaseMs), what: 'what was to lapse' }
  if (lease.value === 'timed') {
    // The holder stays open and silent: closing it would give the messages back, which is no lapse.
    const holder = await bench.taker(queue, { leaseMs: bench.shortLeaseMs, adapter: await bench.open() })
    await holder.take(count, take)
    return
  }
  if (bench.target.shared) {
    const child = await bench.child(queue, { take: count, leaseMs: bench.longLeaseMs })
    await child.kill()
    return
  }
  if (bench.target.cut === undefined)
    throw new Unverified('leases last as long as the connection, but the target has no cut() and is not shared')
  const holder = await bench.taker(queue, { adapter: await bench.open() })
  await holder.take(count, take)
  await bench.target.cut()
}
