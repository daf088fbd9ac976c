import { setTimeout as after } from 'node:timers/promises'
import { handle, type Yard } from '@switchyard/core'
import { build } from 'hdr-histogram-js'
import { noop, payloadOf } from './noop-job.ts'

/** Enqueue-to-start at a steady rate, in ms: p50 and p99. The clock is the payload's own. */
export async function startLatency(
  yard: Yard,
  options: { readonly perSecond: number; readonly seconds: number },
): Promise<{ readonly p50: number; readonly p99: number }> {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  })
  const count = options.perSecond * options.seconds
  const sentAt = new Float64Array(count)
  let started = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const worker = await yard.work([
    handle(noop, (payload) => {
      const { n } = payload as { n: number }
      histogram.recordValue(Math.max(1, Math.round((performance.now() - (sentAt[n] ?? 0)) * 1_000)))
      started += 1
      if (started === count) resolve()
    }),
  ])
  const origin = performance.now()
  for (let n = 0; n < count; n++) {
    // Due times from the origin, so that a late send does not thin out the load.
    const wait = origin + (n * 1_000) / options.perSecond - performance.now()
    if (wait > 0) await after(wait)
    sentAt[n] = performance.now()
    void yard.enqueue(noop, payloadOf(n))
  }
  await promise
  await worker.stop()
  return { p50: histogram.getValueAtPercentile(50) / 1_000, p99: histogram.getValueAtPercentile(99) / 1_000 }
}

/** CPU of this process with an idle worker, in percent of one core. */
export async function idleCost(yard: Yard, seconds: number): Promise<number> {
  const worker = await yard.work([handle(noop, () => {})])
  await after(1_000)
  const before = process.cpuUsage()
  await after(seconds * 1_000)
  const used = process.cpuUsage(before)
  await worker.stop()
  return (used.user + used.system) / 10_000 / seconds
}
