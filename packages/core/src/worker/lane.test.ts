import { MemoryBroker, memory } from '@switchyard/memory'
import { describe, expect, it } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { altered, during, hostOf, job, numbered, yardOf } from '../../test/test-yard.ts'
import type { AdapterFactory } from '../adapter/adapter.ts'
import { defineJob, handle } from '../index.ts'
import { faultyAdapter } from '../testing/faulty-adapter.ts'

const one = { queues: { q: { concurrency: 1 } } } as const

describe('a lane', () => {
  it('runs one delivery once and keeps its slots when the adapter hands it over twice', async () => {
    const factory = faultyAdapter(memory() as AdapterFactory, [{ call: 'receive', kind: 'duplicate' }])
    const { yard, clock, count, of } = await yardOf({ broker: factory })
    await yard.enqueueMany(
      job,
      [1, 2, 3].map((n) => ({ payload: { n } })),
    )
    let most = 0
    let now = 0
    const worker = await yard.work(
      [
        handle(job, async () => {
          now += 1
          most = Math.max(most, now)
          await clock.sleep(10)
          now -= 1
        }),
      ],
      one,
    )
    await clock.advance(1_000)
    expect(count('job.completed')).toBe(3)
    expect(most).toBe(1)
    expect(of('broker.fault')[0]).toMatchObject({ message: expect.stringContaining('twice') })
    expect(await during(clock, worker.stop())).toMatchObject({ abandoned: 0 })
  })

  it('never runs more than its queue allows, whatever the adapter hands over', async () => {
    const broker = new MemoryBroker()
    const factory = altered(memory({ broker }) as AdapterFactory, {
      consumer: (inner) => ({ receive: (max, signal) => inner.receive(max + 5, signal) }),
    })
    const { yard, clock, count } = await yardOf({ broker: factory })
    await yard.enqueueMany(
      job,
      Array.from({ length: 12 }, (_, n) => ({ payload: { n } })),
    )
    let most = 0
    let now = 0
    await yard.work(
      [
        handle(job, async () => {
          now += 1
          most = Math.max(most, now)
          await clock.sleep(10)
          now -= 1
        }),
      ],
      one,
    )
    await clock.advance(2_000)
    expect(most).toBe(1)
    expect(count('job.completed')).toBe(12)
  })

  it('opens a new consumer when the old one can deliver no more, declares a lost queue again, and leaks no slot', async () => {
    const broker = new MemoryBroker()
    let declared = 0
    let fail: (() => void) | null = null
    const factory = altered(memory({ broker }) as AdapterFactory, {
      adapter: (inner) => ({
        declare: (spec) => {
          declared += 1
          return inner.declare(spec)
        },
      }),
      consumer: (inner) => ({
        receive: (max, signal) =>
          Promise.race([
            inner.receive(max, signal),
            new Promise<never>((_resolve, reject) => {
              fail = () => reject(refusal('not-found'))
            }),
          ]),
      }),
    })
    const { yard, clock, count, of } = await yardOf({ broker: factory })
    const hold = Promise.withResolvers<void>()
    let runs = 0
    await yard.enqueue(job, { n: 1 })
    await yard.work(
      [
        handle(job, () => {
          runs += 1
          return runs === 1 ? hold.promise : undefined
        }),
      ],
      { queues: { q: { concurrency: 2 } } },
    )
    await clock.advance(0)
    const before = declared
    ;(fail as unknown as () => void)()
    await clock.advance(0)
    expect(of('lease.lost')).toMatchObject([{ known: 'broker' }])
    await clock.advance(1_000)
    expect(declared).toBeGreaterThan(before)
    expect(count('job.completed')).toBe(1)
    hold.resolve()
    await yard.enqueueMany(
      job,
      [2, 3, 4].map((n) => ({ payload: { n } })),
    )
    await clock.advance(1_000)
    expect(count('job.completed')).toBe(4)
  })

  it('says so and comes back when its consumer says that it is closed although nobody closed it', async () => {
    let closed = false
    const factory = altered(memory() as AdapterFactory, {
      consumer: (inner) => ({
        receive: (max, signal) => {
          if (closed) return inner.receive(max, signal)
          closed = true
          return Promise.reject(refusal('closed'))
        },
      }),
    })
    const { yard, clock, count, of } = await yardOf({ broker: factory })
    await yard.enqueue(job, { n: 1 })
    await yard.work([handle(job, () => {})])
    await clock.advance(2_000)
    expect(of('broker.fault')).toMatchObject([{ code: 'closed' }])
    expect(count('job.completed')).toBe(1)
  })

  it.each([[null], ['text'], [{}]])('treats a receive that answers %j as a fault of the adapter', async (answer) => {
    let asked = 0
    const factory = altered(memory() as AdapterFactory, {
      consumer: (inner) => ({
        receive: (max, signal) => {
          asked += 1
          return asked === 1 ? Promise.resolve(answer as never) : inner.receive(max, signal)
        },
      }),
    })
    const { yard, clock, count } = await yardOf({ broker: factory })
    await yard.enqueue(job, { n: 1 })
    await yard.work([handle(job, () => {})])
    await clock.advance(2_000)
    expect([count('broker.fault'), count('job.completed')]).toEqual([1, 1])
  })

  it.each<[string, (count: number) => unknown]>([
    ['too few results', () => []],
    ['holes', (count) => new Array(count)],
    ['nothing', () => undefined],
    ['a number', () => 5],
  ])('ends every run when settle answers %s', async (_name, answer) => {
    let wrong = 2
    const factory = altered(memory() as AdapterFactory, {
      consumer: (inner) => ({
        settle: async (settlements) => {
          wrong -= 1
          return wrong >= 0 ? (answer(settlements.length) as never) : inner.settle(settlements)
        },
      }),
    })
    const { yard, clock, count } = await yardOf({ broker: factory })
    await yard.enqueueMany(
      job,
      [1, 2, 3].map((n) => ({ payload: { n } })),
    )
    await yard.work([handle(job, () => {})], one)
    await clock.advance(5_000)
    expect(count('job.completed')).toBe(3)
  })

  it('puts a job that nobody here knows back until it is due, without counting', async () => {
    const other = defineJob({ name: 'other', queue: 'q', payload: numbered })
    const broker = memory({ capabilities: { maxDelayMs: 1_000, maxReleaseDelayMs: 60_000 } })
    const { yard, clock, of, count } = await yardOf({ broker, jobs: [job, other] })
    await yard.enqueue(other, { n: 1 }, { delayMs: 30_000 })
    const started = clock.now()
    const worker = await yard.work([handle(job, () => {})])
    await clock.advance(2_000)
    expect([count('job.put-back'), of('job.released').map(({ why }) => why)]).toEqual([0, ['early']])
    await during(clock, worker.stop())
    const at: number[] = []
    await yard.work([handle(other, () => void at.push(clock.now() - started))])
    await clock.advance(60_000)
    expect(at).toEqual([30_000])
  })

  it('buries a note that something else wrote instead of failing over it', async () => {
    const broker = new MemoryBroker()
    const { yard, clock, of } = await yardOf({ broker: memory({ broker }) })
    await yard.enqueue(job, { n: 1 })
    const adapter = await memory({ broker })(hostOf(clock))
    const consumer = await adapter.consume('q', { leaseMs: 30_000, prefetch: 0, lost() {} })
    const [delivery] = await consumer.receive(1, new AbortController().signal)
    const note = JSON.stringify({ attempts: 1, releases: 0, putBacks: 0, notBefore: 0, failures: [null] })
    if (delivery !== undefined) await consumer.settle([{ kind: 'retry', delivery, delayMs: 0, note }])
    await yard.work([handle(job, () => Promise.reject(new Error('never called')))])
    await clock.advance(100)
    expect(of('job.dead')).toMatchObject([{ reason: 'poison', failure: { name: 'EnvelopeError' } }])
  })

  it('retries without a note where the broker cannot keep one', async () => {
    const { yard, clock, count } = await yardOf({ broker: memory({ capabilities: { note: 'unsupported' } }) })
    await yard.enqueue(job, { n: 1 })
    let runs = 0
    await yard.work([
      handle(job, () => {
        runs += 1
        if (runs === 1) throw new Error('once')
      }),
    ])
    await clock.advance(2_000)
    expect([count('job.retried'), count('job.completed'), count('settle.unknown')]).toEqual([1, 1, 0])
  })

  it('runs nobody again that may have happened, where the policy says so: a lapse and an interruption are dead', async () => {
    const once = defineJob({ name: 'once', queue: 'q', payload: numbered, retry: { onAmbiguous: 'dead' } })
    const broker = new MemoryBroker()
    const { yard, clock, of } = await yardOf({
      broker: memory({ broker }),
      jobs: [once],
      queues: { q: { leaseMs: 1_000 } },
    })
    await yard.enqueue(once, { n: 1 })
    const adapter = await memory({ broker })(hostOf(clock))
    const dying = await adapter.consume('q', { leaseMs: 1_000, prefetch: 0, lost() {} })
    await dying.receive(1, new AbortController().signal)
    await clock.advance(1_100)
    const runs: number[] = []
    const worker = await yard.work([
      handle(once, ({ n }) => {
        runs.push(n)
        return new Promise(() => {})
      }),
    ])
    await clock.advance(10)
    expect(of('job.dead')).toMatchObject([{ reason: 'ambiguous' }])
    await yard.enqueue(once, { n: 2 })
    await clock.advance(10)
    await during(clock, worker.stop({ graceMs: 0 }))
    expect(runs).toEqual([2])
    expect(of('job.dead')).toMatchObject([{ reason: 'ambiguous' }, { reason: 'ambiguous' }])
  })

  it('keeps a letter whose dead queue refuses it, and never runs it again', async () => {
    let refuse = true
    const factory = altered(memory() as AdapterFactory, {
      consumer: (inner) => ({
        settle: async (settlements) =>
          refuse && settlements[0]?.kind === 'move' ? [refusal('forbidden')] : inner.settle(settlements),
      }),
    })
    const once = defineJob({ name: 'job', queue: 'q', payload: numbered, retry: { maxAttempts: 1 } })
    const { yard, clock, of, count } = await yardOf({ broker: factory, jobs: [once] })
    await yard.enqueue(once, { n: 1 })
    let runs = 0
    await yard.work([
      handle(once, () => {
        runs += 1
        throw new Error('boom')
      }),
    ])
    await clock.advance(150_000)
    expect(runs).toBe(1)
    expect(of('settle.unknown')[0]).toMatchObject({ wanted: 'move' })
    refuse = false
    await clock.advance(60_000)
    expect(count('job.dead')).toBe(1)
    expect((await yard.deadLetters.list()).letters).toMatchObject([
      { reason: 'attempts', attempts: 1, error: 'Error: boom' },
    ])
  })
})
