import { MemoryBroker, memory } from '@switchyard/memory'
import { describe, expect, it } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { altered, during, job, numbered, yardOf } from '../../test/test-yard.ts'
import type { AdapterFactory } from '../adapter/adapter.ts'
import { ClosedError, defineJob, handle } from '../index.ts'
import { faultyAdapter } from '../testing/faulty-adapter.ts'

const one = { queues: { q: { concurrency: 1 } } } as const
const never = () => new Promise<void>(() => {})

describe('stop', () => {
  it('can be hurried by a second call with a shorter grace, and not slowed down by a longer one', async () => {
    const { yard, clock } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    const aborted: number[] = []
    const started = clock.now()
    const worker = await yard.work([
      handle(
        job,
        (_p, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              aborted.push(clock.now() - started)
              reject(signal.reason as Error)
            })
          }),
      ),
    ])
    await clock.advance(0)
    const first = worker.stop({ graceMs: 9_000 })
    await clock.advance(1_000)
    const longer = worker.stop({ graceMs: 60_000 })
    const shorter = worker.stop({ graceMs: 2_000 })
    await clock.advance(2_000)
    expect(aborted).toEqual([3_000])
    expect(await first).toEqual({ finished: 0, released: 1, abandoned: 0 })
    expect(await longer).toBe(await shorter)
    await expect(worker.stop({ graceMs: Number.NaN })).rejects.toMatchObject({ option: 'graceMs' })
  })

  it('counts as finished what ended after the abort signal with an outcome of its own', async () => {
    const { yard, clock } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    const worker = await yard.work([
      handle(
        job,
        (_p, { signal }) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
      ),
    ])
    await clock.advance(0)
    expect(await during(clock, worker.stop({ graceMs: 100 }))).toEqual({ finished: 1, released: 0, abandoned: 0 })
  })

  it('does not wait for its grace when the receive in flight fails instead of ending', async () => {
    const factory = altered(memory() as AdapterFactory, {
      consumer: (inner) => ({
        receive: async (max, signal) => {
          await inner.receive(max, signal)
          throw refusal('closed')
        },
      }),
    })
    const { yard, clock } = await yardOf({ broker: factory })
    const worker = await yard.work([handle(job, () => {})])
    await clock.advance(10)
    const before = clock.now()
    await during(clock, worker.stop())
    expect(clock.now() - before).toBeLessThan(1_000)
  })

  it('releases unstarted what a receive delivers after it', async () => {
    const broker = new MemoryBroker()
    const late = Promise.withResolvers<void>()
    const factory = altered(memory({ broker }) as AdapterFactory, {
      consumer: (inner) => ({
        receive: async (max, signal) => {
          const deliveries = await inner.receive(max, signal)
          await late.promise
          return deliveries
        },
      }),
    })
    const { yard, clock, of, count } = await yardOf({ broker: factory })
    await yard.enqueue(job, { n: 1 })
    const worker = await yard.work([handle(job, () => {})], one)
    await clock.advance(0)
    const stopping = worker.stop()
    late.resolve()
    await during(clock, stopping)
    expect(count('job.started')).toBe(0)
    expect(of('job.released')).toMatchObject([{ why: 'unstarted' }])
    const { lanes } = await yard.stats('q')
    expect(lanes[0]?.stats).toMatchObject({ ready: { value: 1 }, leased: { value: 0 } })
  })

  it('ends although no call to the broker ever answers again', async () => {
    let hang = false
    const maybe = <Value>(call: () => Promise<Value>) => (hang ? new Promise<Value>(() => {}) : call())
    const factory = altered(memory() as AdapterFactory, {
      consumer: (inner) => ({
        receive: (max, signal) => maybe(() => inner.receive(max, signal)),
        settle: (settlements) => maybe(() => inner.settle(settlements)),
        close: () => maybe(() => inner.close()),
      }),
    })
    const { yard, clock } = await yardOf({ broker: factory, callDeadlineMs: 5_000 })
    await yard.enqueueMany(job, [{ payload: { n: 1 } }, { payload: { n: 2 } }])
    const worker = await yard.work([handle(job, ({ n }) => (n === 1 ? never() : undefined))], one)
    await clock.advance(0)
    hang = true
    const before = clock.now()
    expect(await during(clock, worker.stop({ graceMs: 1_000 }))).toMatchObject({ released: 1, abandoned: 1 })
    expect(clock.now() - before).toBeLessThan(50_000)
    hang = false
  })

  it('of a yard ends workers that only just start, and their consumers', async () => {
    const broker = new MemoryBroker()
    const opened: string[] = []
    const gate = Promise.withResolvers<void>()
    const factory = altered(memory({ broker }) as AdapterFactory, {
      adapter: (inner) => ({
        consume: async (queue, options) => {
          await gate.promise
          const consumer = await inner.consume(queue, options)
          opened.push('open')
          return { ...consumer, close: async () => void opened.push('close') }
        },
        close: async () => {},
      }),
    })
    const { yard, clock } = await yardOf({ broker: factory })
    const starting = yard.work([handle(job, () => {})]).catch((error: unknown) => error)
    await clock.advance(0)
    const closing = yard.close()
    await clock.advance(0)
    gate.resolve()
    await during(clock, closing)
    expect(await starting).toBeInstanceOf(ClosedError)
    expect(opened).toEqual(['open', 'close'])
  })

  it('of a yard waits for sends in flight, and closes the broker even when a worker cannot be stopped', async () => {
    const gate = Promise.withResolvers<void>()
    const calls: string[] = []
    const factory = altered(memory() as AdapterFactory, {
      adapter: (inner) => ({
        send: async (queue, messages) => {
          await gate.promise
          calls.push('send')
          return inner.send(queue, messages)
        },
        close: async () => void calls.push('close'),
      }),
    })
    const { yard, clock } = await yardOf({ broker: factory })
    const sending = yard.enqueue(job, { n: 1 })
    const many = yard.enqueueMany(job, [{ payload: { n: 2 } }])
    await clock.advance(0)
    const closing = yard.close()
    await clock.advance(0)
    expect(calls).toEqual([])
    gate.resolve()
    await during(clock, closing)
    expect(calls).toEqual(['send', 'send', 'close'])
    expect([(await sending).status, (await many)[0]?.status]).toEqual(['accepted', 'accepted'])
  })
})

describe('drain', () => {
  it('waits while the broker is away instead of rejecting', async () => {
    const factory = faultyAdapter(memory() as AdapterFactory, [{ call: 'stats', nth: [1, 2], kind: 'fail' }])
    const { yard, clock } = await yardOf({ broker: factory })
    await yard.enqueue(job, { n: 1 })
    const worker = await yard.work([handle(job, () => {})])
    expect(await during(clock, worker.drain())).toMatchObject({ started: 1, certain: true })
  })

  it('ends when the worker is stopped, also with a signal of its own', async () => {
    const { yard, clock } = await yardOf()
    await yard.enqueue(job, { n: 1 }, { delayMs: 3_600_000 })
    const worker = await yard.work([handle(job, () => {})])
    const draining = worker.drain({ signal: new AbortController().signal })
    await clock.advance(500)
    await during(clock, worker.stop())
    expect(await during(clock, draining)).toMatchObject({ aborted: true, certain: false })
    await expect(worker.drain()).rejects.toBeInstanceOf(ClosedError)
  })

  it('does not end between two looks while a job moves to a queue that was looked at before', async () => {
    const next = defineJob({ name: 'next', queue: 'a-first', payload: numbered })
    const broker = new MemoryBroker()
    let looks = 0
    const moves = Promise.withResolvers<void>()
    const factory = altered(memory({ broker }) as AdapterFactory, {
      adapter: (inner) => ({
        stats: async (queue) => {
          const figures = await inner.stats(queue)
          looks += 1
          // The first queue has been seen empty; only now does the job of the second one enqueue into it and end.
          if (queue === 'q' && looks <= 2) {
            moves.resolve()
            for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
            return inner.stats(queue)
          }
          return figures
        },
      }),
    })
    const { yard, clock, count } = await yardOf({ broker: factory, jobs: [next, job] })
    await yard.enqueue(job, { n: 1 })
    const worker = await yard.work([
      handle(next, () => {}),
      handle(job, async () => {
        await moves.promise
        await yard.enqueue(next, { n: 2 }, { delayMs: 1_000 })
      }),
    ])
    await clock.advance(0)
    expect(await during(clock, worker.drain())).toMatchObject({ started: 2, certain: true })
    expect(count('job.completed')).toBe(2)
  })

  it('says what it could not know where figures are estimates', async () => {
    const factory = altered(memory() as AdapterFactory, {
      adapter: (inner) => ({ stats: async (queue) => ({ ...(await inner.stats(queue)), delayed: null }) }),
    })
    const { yard, clock } = await yardOf({ broker: factory })
    const worker = await yard.work([handle(job, () => {})])
    const before = clock.now()
    expect(await during(clock, worker.drain())).toMatchObject({ certain: false, unknown: ['q: delayed'] })
    expect(clock.now() - before).toBeGreaterThanOrEqual(5_000)
  })
})
