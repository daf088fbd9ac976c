import { memory } from '@switchyard/memory'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { during, hostOf, job, numbered, yardOf } from '../../test/test-yard.ts'
import type { AdapterFactory } from '../adapter/adapter.ts'
import { defineJob, handle, RetryAfter } from '../index.ts'
import { drain } from './drain.ts'
import { fakeClock } from './fake-clock.ts'
import { type FaultyCall, faultyAdapter } from './faulty-adapter.ts'
import { performJob } from './perform-job.ts'

describe('faultyAdapter', () => {
  it.each<FaultyCall>(['declare', 'send', 'consume', 'stats', 'purge', 'receive', 'settle', 'extend'])(
    'fails %s and says that nothing happened, or does it and loses the reply',
    async (call) => {
      for (const kind of ['fail', 'drop-reply'] as const) {
        const clock = fakeClock()
        const adapter = await faultyAdapter(memory() as AdapterFactory, [{ call, nth: 2, kind }])(hostOf(clock))
        const spec = { name: 'q', leaseMs: 1_000, ordered: false, dedupeMs: 0 }
        const message = (n: number) => ({
          id: `d290f1ee-6c54-4b01-90e6-d70174${n}f0851`,
          name: 'x',
          body: '{}',
          delayMs: 0,
        })
        await adapter.declare(spec)
        await adapter.send('q', [message(100), message(101), message(102)])
        const options = { leaseMs: 1_000, prefetch: 0, lost() {} }
        const consumer = await adapter.consume('q', options)
        const [delivery] = await consumer.receive(1, new AbortController().signal)
        if (delivery === undefined) throw new Error('the test needs a delivery')
        await adapter.stats('q')
        await consumer.extend([delivery])
        await consumer.settle([{ kind: 'release', delivery, delayMs: 0 }])
        if (call === 'purge') await adapter.purge('q')
        const second: { readonly [Call in FaultyCall]: () => Promise<unknown> } = {
          declare: () => adapter.declare(spec),
          send: () => adapter.send('q', [message(103)]),
          consume: () => adapter.consume('q', options),
          stats: () => adapter.stats('q'),
          purge: () => adapter.purge('q'),
          receive: () => consumer.receive(1, new AbortController().signal),
          settle: () => consumer.settle([{ kind: 'complete', delivery }]),
          extend: () => consumer.extend([delivery]),
        }
        await expect(second[call]()).rejects.toMatchObject({ name: 'BrokerError', maybeApplied: kind === 'drop-reply' })
        if (call === 'send') expect((await adapter.stats('q')).ready?.value).toBe(kind === 'fail' ? 3 : 4)
        await adapter.close()
      }
    },
  )

  it.each(['delay', 'duplicate', 'reorder'] as const)('%s of every call loses no job', async (kind) => {
    for (const call of ['send', 'receive', 'settle', 'extend'] as const) {
      const factory = faultyAdapter(memory() as AdapterFactory, [{ call, kind, delayMs: 200 }])
      const { yard, clock } = await yardOf({ broker: factory })
      const done = new Set<number>()
      await during(
        clock,
        yard.enqueueMany(
          job,
          [1, 2, 3, 4, 5].map((n) => ({ payload: { n } })),
        ),
      )
      await yard.work([handle(job, ({ n }) => void done.add(n))], { queues: { q: { concurrency: 2 } } })
      await clock.advance(10_000)
      expect([...done].sort()).toEqual([1, 2, 3, 4, 5])
    }
  })
})

describe('drain', () => {
  it('leaves no worker behind when it fails', async () => {
    const factory = faultyAdapter(memory() as AdapterFactory, [])
    const { yard, clock } = await yardOf({ broker: factory })
    await yard.enqueue(job, { n: 1 }, { delayMs: 5_000 })
    expect(await during(clock, drain(yard, [handle(job, () => {})]))).toMatchObject({ started: 1, completed: 1 })
  })
})

describe('performJob', () => {
  it('gives the handler what a worker would, and tells what policy would do', async () => {
    const dated = defineJob({
      name: 'dated',
      queue: 'q',
      payload: z.object({ at: z.coerce.date() }),
      key: ({ at }) => at.toISOString(),
    })
    const performed = await performJob(
      handle(dated, ({ at }, ctx) => [at.getTime(), ctx.job.key, ctx.attempt]),
      { at: new Date(5) },
      { attempt: 2 },
    )
    expect(performed).toMatchObject({
      outcome: 'completed',
      value: [5, '1970-01-01T00:00:00.005Z', 2],
      decision: { kind: 'complete' },
    })
    const late = defineJob({ name: 'late', queue: 'q', payload: numbered })
    const failed = await performJob(
      handle(late, () => {
        throw new RetryAfter(70)
      }),
      { n: 1 },
    )
    expect(failed).toMatchObject({ outcome: 'failed', decision: { kind: 'retry', delayMs: 70 } })
  })
})
