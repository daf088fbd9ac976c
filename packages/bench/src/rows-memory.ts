import { idleCost, startLatency } from './latency.ts'
import type { MeasuredRow } from './measured-row.ts'
import { median } from './measured-row.ts'
import { enqueueRate, processRate, withYard } from './throughput.ts'

/** Core over memory: what Switchyard itself costs. */
export async function memoryRows(rounds: number): Promise<readonly MeasuredRow[]> {
  const count = 200_000
  const enqueued: number[] = []
  const processed: number[] = []
  for (let round = 0; round < rounds; round++) {
    await withYard('memory:', async (yard) => {
      enqueued.push(await enqueueRate(yard, count, 1_000))
      processed.push(await processRate(yard, count, 100))
    })
  }
  const latency = await withYard('memory:', (yard) => startLatency(yard, { perSecond: 200, seconds: 5 }))
  const group = 'core over memory'
  return [
    { group, name: 'enqueue, batches of 1,000', value: median(enqueued), unit: 'jobs/s', rounds },
    {
      group,
      name: 'process, concurrency 100',
      value: median(processed),
      unit: 'jobs/s',
      rounds,
      target: { least: 150_000 },
    },
    { group, name: 'memory per 100,000 queued jobs', value: await queuedMb(), unit: 'MB' },
    { group, name: 'enqueue to start at 200/s, p50', value: latency.p50, unit: 'ms' },
    { group, name: 'enqueue to start at 200/s, p99', value: latency.p99, unit: 'ms' },
    { group, name: 'idle worker, CPU', value: await withYard('memory:', (yard) => idleCost(yard, 3)), unit: '%' },
  ]
}

async function queuedMb(): Promise<number> {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  return withYard('memory:', async (yard) => {
    await enqueueRate(yard, 100_000, 1_000)
    globalThis.gc?.()
    return (process.memoryUsage().heapUsed - before) / 1_048_576
  })
}
