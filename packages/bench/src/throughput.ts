import { connect, handle, type Yard } from '@switchyard/core'
import { noop, payloadOf } from './noop-job.ts'

/** Enqueues `count` jobs in batches; jobs per second. */
export async function enqueueRate(yard: Yard, count: number, batch: number): Promise<number> {
  const startedAt = performance.now()
  for (let at = 0; at < count; at += batch) {
    const size = Math.min(batch, count - at)
    const results = await yard.enqueueMany(
      noop,
      Array.from({ length: size }, (_, index) => ({ payload: payloadOf(at + index) })),
    )
    for (const result of results) if (result.status === 'failed') throw result.error
  }
  return perSecond(count, startedAt)
}

/** Processes `count` waiting jobs with one worker until the last is settled; jobs per second. */
export async function processRate(yard: Yard, count: number, concurrency: number): Promise<number> {
  let settled = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = yard.on('job.completed', () => {
    settled += 1
    if (settled === count) resolve()
  })
  const startedAt = performance.now()
  const worker = await yard.work([handle(noop, () => {})], { queues: { bench: { concurrency } } })
  await promise
  const rate = perSecond(count, startedAt)
  stop()
  await worker.stop()
  return rate
}

/** A fresh yard on `broker` for one measurement. */
export async function withYard<Value>(broker: string, run: (yard: Yard) => Promise<Value>): Promise<Value> {
  await using yard = await connect({ broker, jobs: [noop], base: import.meta.dirname })
  return await run(yard)
}

/** Rate since `startedAt` (performance.now). */
export function perSecond(count: number, startedAt: number): number {
  return (count / (performance.now() - startedAt)) * 1_000
}
