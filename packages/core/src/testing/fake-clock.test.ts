import { memory } from '@switchyard/memory'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { connect, defineJob, fixed, handle } from '../index.ts'
import { drain } from './drain.ts'
import { fakeClock } from './fake-clock.ts'

const job = defineJob({
  name: 'job',
  queue: 'q',
  payload: z.object({ n: z.number() }),
  retry: { maxAttempts: 2, backoff: fixed({ delayMs: 60_000, jitter: 'none' }) },
})

it('drain moves a fake clock itself, through delays and backoffs', async () => {
  const clock = fakeClock()
  const startedAt = clock.now()
  await using yard = await connect({ broker: memory(), jobs: [job], clock })
  await yard.enqueue(job, { n: 1 }, { delayMs: 3_600_000 })
  await yard.enqueue(job, { n: 2 })
  const drained = await drain(yard, [
    handle(job, ({ n }) => {
      if (n === 2) throw new Error('twice')
    }),
  ])
  expect(drained).toMatchObject({ completed: 1, retried: 1, dead: 1, certain: true })
  expect(clock.now() - startedAt).toBeGreaterThanOrEqual(3_600_000)
})

it('a worker tells whoever awaits it that it has stopped', async () => {
  await using yard = await connect({ broker: memory(), jobs: [job] })
  const worker = await yard.work([handle(job, () => {})])
  void worker.stop()
  expect(await worker.stopped).toEqual({ finished: 0, released: 0, abandoned: 0 })
})
