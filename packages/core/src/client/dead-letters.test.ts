import { MemoryBroker, memory } from '@switchyard/memory'
import { describe, expect, it } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { altered, during, hostOf, job, numbered, yardOf } from '../../test/test-yard.ts'
import type { AdapterFactory } from '../adapter/adapter.ts'
import { type AnyJob, defineJob, handle, Reject } from '../index.ts'

/** A yard with `count` dead letters. */
async function withDead(broker: AdapterFactory, count: number, jobs: readonly [AnyJob, ...AnyJob[]] = [job]) {
  const all = await yardOf({ broker, jobs })
  const [dying] = jobs
  await all.yard.enqueueMany(
    dying,
    Array.from({ length: count }, (_, n) => ({ payload: { n } })),
  )
  const worker = await all.yard.work(
    [
      handle(dying, () => {
        throw new Reject('no')
      }),
    ],
    { queues: { [dying.queue]: { concurrency: 1 } } },
  )
  await all.clock.advance(100 + count)
  await during(all.clock, worker.stop())
  return all
}

describe('dead letters', () => {
  it.each<[string, object, string]>([
    ['an undefined condition, which would mean all', { jobId: undefined }, 'jobId'],
    ['a condition that is no text', { job: 5 }, 'job'],
    ['an error that is no pattern', { error: 5 }, 'error'],
    ['a since that is no time', { since: 'yesterday' }, 'since'],
  ])('refuse %s', async (_name, filter, option) => {
    const { yard } = await yardOf()
    await expect(yard.deadLetters.list(filter as never)).rejects.toMatchObject({ code: 'config', option })
  })

  it.each<[string, object, string]>([
    ['a misspelt dryRun, which would act', { dryrun: true }, 'dryrun'],
    ['a limit that is no count', { limit: Number.NaN }, 'limit'],
    ['a limit of nothing', { limit: 0 }, 'limit'],
    ['a maxScanned that is no count', { maxScanned: -1 }, 'maxScanned'],
    ['a rate that is no number', { perSecond: 'x' }, 'perSecond'],
  ])('refuse %s', async (_name, options, option) => {
    const { yard } = await withDead(memory() as AdapterFactory, 1)
    await expect((async () => yard.deadLetters.replay({}, options as never))()).rejects.toMatchObject({
      code: 'config',
      option,
    })
    expect((await yard.deadLetters.list()).letters).toHaveLength(1)
  })

  it('say in words when somebody else reads the same dead queue', async () => {
    const broker = new MemoryBroker()
    const { yard, clock } = await withDead(memory({ broker }) as AdapterFactory, 1)
    const other = await memory({ broker })(hostOf(clock))
    await other.consume('q.dead', { leaseMs: 30_000, prefetch: 0, exclusive: true, lost() {} })
    await expect(yard.deadLetters.replay({})).rejects.toThrow(/another list, show, replay or discard/)
  })

  it('report what was done when the broker goes away in the middle, instead of rejecting', async () => {
    let moves = 0
    const factory = altered(memory() as AdapterFactory, {
      consumer: (inner, queue) => ({
        settle: async (settlements) => {
          if (queue !== 'q.dead' || settlements[0]?.kind !== 'move') return inner.settle(settlements)
          moves += 1
          if (moves === 2) throw refusal('timeout', { maybeApplied: true })
          return inner.settle(settlements)
        },
      }),
    })
    const { yard, clock } = await withDead(factory, 4)
    const report = await during(clock, yard.deadLetters.replay({}))
    expect(report).toMatchObject({ done: 1, complete: false, failed: [{ why: expect.stringContaining('timeout') }] })
    expect((await yard.deadLetters.list()).letters).toHaveLength(3)
  })

  it('show what they found even when giving it back fails', async () => {
    const factory = altered(memory({ capabilities: { browse: false } }) as AdapterFactory, {
      consumer: (inner, queue) => ({
        settle: (settlements) =>
          queue === 'q.dead' ? Promise.reject(refusal('unavailable')) : inner.settle(settlements),
      }),
    })
    const { yard, clock } = await withDead(factory, 2)
    expect((await during(clock, yard.deadLetters.list())).letters).toHaveLength(2)
    expect((await during(clock, yard.deadLetters.list())).letters).toHaveLength(2)
  })

  it('replay each letter once in one call, also one that dies again at once where the broker cannot count', async () => {
    const factory = altered(memory() as AdapterFactory, {
      adapter: (inner) => ({ stats: async (queue) => ({ ...(await inner.stats(queue)), ready: null }) }),
    })
    const { yard, clock, of } = await withDead(factory, 2)
    await yard.work([
      handle(job, () => {
        throw new Reject('again')
      }),
    ])
    const report = await during(clock, yard.deadLetters.replay({}, { perSecond: 10 }))
    expect(report).toMatchObject({ done: 2 })
    expect(of('job.dead')).toHaveLength(4)
    expect((await during(clock, yard.deadLetters.list())).letters).toHaveLength(2)
  })

  it('keep their leases during a replay that takes longer than one', async () => {
    const broker = new MemoryBroker()
    const factory = memory({ broker, capabilities: { browse: false } }) as AdapterFactory
    const { yard, clock } = await withDead(factory, 6)
    const report = await during(clock, yard.deadLetters.replay({}, { perSecond: 0.05 }))
    expect(report).toMatchObject({ done: 6, failed: [] })
  })

  it('go to a lane that has workers when their priority is no longer in use, and to the queue in which they died', async () => {
    const broker = new MemoryBroker()
    const urgent = defineJob({ name: 'job', queue: 'q', payload: numbered, priority: 'high' })
    const before = await withDead(memory({ broker }) as AdapterFactory, 1, [urgent])
    const { yard, clock, count } = await yardOf({ broker: memory({ broker }), jobs: [job], clock: before.clock })
    expect(await during(clock, yard.deadLetters.replay({}))).toMatchObject({ done: 1 })
    await yard.work([handle(job, () => {})])
    await clock.advance(100)
    expect(count('job.completed')).toBe(1)
  })

  it('bring an undecodable body back as it was, any number of times', async () => {
    const broker = new MemoryBroker()
    const { yard, clock, count } = await yardOf({ broker: memory({ broker }) })
    await yard.stats('q')
    const adapter = await memory({ broker })(hostOf(clock))
    await adapter.send('q', [{ id: 'not-a-uuid', name: 'x', body: 'garbage', delayMs: 0 }])
    await yard.work([handle(job, () => {})])
    for (let death = 1; death <= 3; death++) {
      await clock.advance(100)
      expect(count('job.dead')).toBe(death)
      const { letters } = await yard.deadLetters.list()
      expect(letters).toMatchObject([{ envelope: { dead: { raw: 'garbage' } } }])
      expect(await during(clock, yard.deadLetters.replay({}))).toMatchObject({ done: 1, failed: [] })
    }
  })

  it('are given back by a listing that ends early', async () => {
    const broker = new MemoryBroker()
    const { yard, clock } = await withDead(memory({ broker, capabilities: { browse: false } }) as AdapterFactory, 5)
    await during(clock, yard.deadLetters.list({}, { limit: 2 }))
    const { dead } = await yard.stats('q')
    expect(dead).toMatchObject({ ready: { value: 5 }, leased: { value: 0 } })
  })
})
