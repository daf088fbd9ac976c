import { MemoryBroker, memory } from '@switchyard/memory'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import type { AdapterFactory } from '../adapter/adapter.ts'
import {
  type AnyJob,
  type ConnectOptions,
  connect,
  defineJob,
  fixed,
  handle,
  Reject,
  Shutdown,
  Snooze,
  type YardEventName,
} from '../index.ts'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { faultyAdapter } from '../testing/faulty-adapter.ts'

const payload = z.object({ n: z.number() })
const retry = { maxAttempts: 3, backoff: fixed({ delayMs: 1_000, jitter: 'none' }) } as const
const job = defineJob({ name: 'job', queue: 'q', payload, retry, timeoutMs: 10_000 })

/** A yard on memory with a fake clock, and everything that it tells. */
async function yardOf(options: Partial<ConnectOptions> & { readonly jobs?: readonly AnyJob[] } = {}) {
  const clock = (options.clock as FakeClock | undefined) ?? fakeClock()
  const broker = new MemoryBroker()
  const yard = await connect({ broker: memory({ broker }), jobs: [job], ...options, clock })
  const events: { readonly name: YardEventName; readonly event: Readonly<Record<string, unknown>> }[] = []
  const names: YardEventName[] = [
    'job.started',
    'job.completed',
    'job.retried',
    'job.released',
    'job.put-back',
    'job.dead',
    'job.overrun',
    'lease.lost',
    'settle.unknown',
    'worker.stalled',
    'broker.fault',
  ]
  for (const name of names) yard.on(name, (event) => void events.push({ name, event: { ...event } }))
  const count = (name: YardEventName) => events.filter((one) => one.name === name).length
  const of = (name: YardEventName) => events.filter((one) => one.name === name).map((one) => one.event)
  onTestFinished(async () => {
    const closing = yard.close()
    await clock.advance(120_000)
    await closing
  })
  return { yard, clock, broker, events, count, of }
}

/** A promise that the test resolves. */
function gate() {
  return Promise.withResolvers<void>()
}

describe('worker', () => {
  it('completes, retries after the backoff, and buries after maxAttempts with the whole history', async () => {
    const { yard, clock, count, of } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    await yard.enqueue(job, { n: 2 })
    await yard.work([
      handle(job, ({ n }) => {
        if (n === 2) throw new Error('boom')
      }),
    ])
    await clock.advance(0)
    expect([count('job.completed'), count('job.retried')]).toEqual([1, 1])
    await clock.advance(999)
    expect(count('job.started')).toBe(2)
    await clock.advance(1)
    expect(count('job.started')).toBe(3)
    await clock.advance(1_000)
    expect(of('job.dead')).toMatchObject([{ reason: 'attempts', attempt: 3 }])
    const { letters } = await yard.deadLetters.list()
    expect(letters).toMatchObject([
      { attempts: 3, reason: 'attempts', error: 'Error: boom', envelope: { payload: { n: 2 } } },
    ])
    expect(letters[0]?.failures.map((failure) => failure.attempt)).toEqual([1, 2, 3])
  })

  it('gives handlers the schema output, attempt, key and a signal', async () => {
    const dated = defineJob({
      name: 'dated',
      queue: 'q',
      payload: z.object({ at: z.coerce.date() }),
      key: (p) => p.at.toISOString(),
    })
    const { yard, clock } = await yardOf({ jobs: [dated] })
    const seen: unknown[] = []
    await yard.enqueue(dated, { at: '2030-01-01' }, { correlationId: 'c-1', headers: { tenant: 't' } })
    await yard.work([
      handle(
        dated,
        (p, ctx) =>
          void seen.push(p.at, ctx.job.key, ctx.attempt, ctx.job.correlationId, ctx.job.headers, ctx.signal.aborted),
      ),
    ])
    await clock.advance(0)
    expect(seen).toEqual([new Date('2030-01-01'), '2030-01-01T00:00:00.000Z', 1, 'c-1', { tenant: 't' }, false])
  })

  it('leases nothing that has no free slot', async () => {
    const { yard, clock } = await yardOf()
    await yard.enqueueMany(
      job,
      Array.from({ length: 10 }, (_, n) => ({ payload: { n } })),
    )
    const hold = gate()
    await yard.work([handle(job, () => hold.promise)], { queues: { q: { concurrency: 3 } } })
    await clock.advance(10)
    const { lanes } = await yard.stats('q')
    expect(lanes[0]?.stats).toMatchObject({ leased: { value: 3 }, ready: { value: 7 } })
    hold.resolve()
  })

  it('renews the lease of a long job, so that nobody else gets it', async () => {
    const { yard, clock, count } = await yardOf({ queues: { q: { leaseMs: 3_000 } } })
    await yard.enqueue(job, { n: 1 })
    const hold = gate()
    await yard.work([handle(job, () => hold.promise)])
    await yard.work([handle(job, () => hold.promise)])
    await clock.advance(9_000)
    expect(count('job.started')).toBe(1)
    hold.resolve()
    await clock.advance(0)
    expect([count('job.completed'), count('lease.lost')]).toEqual([1, 0])
  })

  it('aborts with LeaseLost when renewals fail, and settles nothing', async () => {
    const broker = new MemoryBroker()
    const deaf = faultyAdapter(memory({ broker }) as AdapterFactory, [{ call: 'extend', kind: 'fail' }])
    const { yard, clock, count, of } = await yardOf({ broker: deaf, queues: { q: { leaseMs: 3_000 } } })
    await yard.enqueue(job, { n: 1 })
    const reasons: unknown[] = []
    let runs = 0
    await yard.work([
      handle(job, (_p, ctx) => {
        runs += 1
        if (runs > 1) return undefined
        return new Promise<void>((resolve) =>
          ctx.signal.addEventListener('abort', () => {
            reasons.push((ctx.signal.reason as { code: string }).code)
            resolve()
          }),
        )
      }),
    ])
    await clock.advance(4_000)
    expect(reasons).toEqual(['lease-lost'])
    expect(of('lease.lost')).toHaveLength(1)
    expect([runs, count('job.completed')]).toEqual([2, 1])
  })

  it('times out, aborts the signal, and treats the failure as ambiguous', async () => {
    const { yard, clock, of } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    await yard.work([
      handle(
        job,
        (_p, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
      ),
    ])
    await clock.advance(10_000)
    expect(of('job.retried')).toMatchObject([{ failure: { name: 'JobTimeout', class: 'ambiguous' } }])
  })

  it('settles without a deaf handler after the abort grace, and keeps its slot until it ends', async () => {
    const { yard, clock, count, of } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    const hold = gate()
    let runs = 0
    await yard.work(
      [
        handle(job, () => {
          runs += 1
          return runs === 1 ? hold.promise : undefined
        }),
      ],
      { queues: { q: { concurrency: 1 } } },
    )
    await clock.advance(14_999)
    expect(count('job.overrun')).toBe(0)
    await clock.advance(1)
    expect([count('job.overrun'), count('job.retried')]).toEqual([1, 1])
    await clock.advance(60_000)
    expect(runs).toBe(1)
    hold.resolve()
    await clock.advance(1_000)
    expect(runs).toBe(2)
    expect(of('job.completed')).toMatchObject([{ attempt: 2 }])
  })

  it('puts unknown jobs back without harm, and a worker that knows them runs them', async () => {
    const broker = new MemoryBroker()
    const other = defineJob({ name: 'other', queue: 'q', payload })
    const { yard, clock, of } = await yardOf({ broker: memory({ broker }), jobs: [job, other] })
    await yard.enqueue(other, { n: 1 })
    const old = await yard.work([handle(job, () => {})])
    await clock.advance(0)
    expect(of('job.put-back')).toMatchObject([{ job: 'other', putBacks: 1, attempt: 1 }])
    const stopping = old.stop()
    await clock.advance(0)
    await stopping
    await yard.work([handle(other, () => {})])
    await clock.advance(2_000)
    expect(of('job.completed')).toMatchObject([{ job: 'other', attempt: 1 }])
  })

  it('puts back a payload of a newer version, and upcasts an older one', async () => {
    const broker = new MemoryBroker()
    const v1 = defineJob({ name: 'versioned', queue: 'q', payload })
    const v2 = defineJob({
      name: 'versioned',
      queue: 'q',
      payload: z.object({ count: z.number() }),
      payloadVersion: 2,
      upcast: { 1: (p) => ({ count: (p as { n: number }).n }) },
    })
    const old = await yardOf({ broker: memory({ broker }), jobs: [v1] })
    const recent = await yardOf({ broker: memory({ broker }), jobs: [v2], clock: old.clock })
    await recent.yard.enqueue(v2, { count: 5 })
    const worker = await old.yard.work([handle(v1, () => {})])
    await old.clock.advance(0)
    expect(old.of('job.put-back')).toHaveLength(1)
    const stopping = worker.stop()
    await old.clock.advance(0)
    await stopping
    await old.yard.enqueue(v1, { n: 7 })
    const seen: number[] = []
    await recent.yard.work([handle(v2, (p) => void seen.push(p.count))])
    await recent.clock.advance(5_000)
    expect(seen.sort()).toEqual([5, 7])
  })

  it('buries a body that is no envelope at once, with the raw body', async () => {
    const broker = new MemoryBroker()
    const { yard, clock, of } = await yardOf({ broker: memory({ broker }) })
    await yard.stats('q')
    const raw = await memory({ broker })({
      clock,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      callDeadlineMs: 1_000,
      connectDeadlineMs: 1_000,
      report() {},
    })
    await raw.send('q', [
      { id: 'd290f1ee-6c54-4b01-90e6-d701748f0851', name: 'x', body: '{"hello":"world"}', delayMs: 0 },
    ])
    await yard.work([handle(job, () => {})])
    await clock.advance(0)
    expect(of('job.dead')).toMatchObject([{ reason: 'poison' }])
    const { letters } = await yard.deadLetters.list()
    expect(letters[0]?.envelope.dead?.raw).toBe('{"hello":"world"}')
  })

  it('buries a payload that the schema refuses without calling the handler', async () => {
    const broker = new MemoryBroker()
    const loose = defineJob({ name: 'job', queue: 'q', payload: z.object({ n: z.any() }) })
    const producer = await yardOf({ broker: memory({ broker }), jobs: [loose] })
    const { yard, clock, of } = await yardOf({ broker: memory({ broker }), clock: producer.clock })
    await producer.yard.enqueue(loose, { n: 'text' })
    let called = false
    await yard.work([
      handle(job, () => {
        called = true
      }),
    ])
    await clock.advance(0)
    expect(called).toBe(false)
    expect(of('job.dead')).toMatchObject([{ reason: 'poison', failure: { name: 'InvalidPayloadError' } }])
  })

  it('buries a job whose leases lapse more than maxLapses times', async () => {
    const broker = new MemoryBroker()
    const fragile = defineJob({ name: 'job', queue: 'q', payload, retry: { maxLapses: 2 } })
    const clock = fakeClock()
    const host = {
      clock,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      callDeadlineMs: 1_000,
      connectDeadlineMs: 1_000,
      report() {},
    }
    const yard = await connect({
      broker: memory({ broker }),
      jobs: [fragile],
      clock,
      queues: { q: { leaseMs: 1_000 } },
    })
    await yard.enqueue(fragile, { n: 1 })
    // A worker that takes and dies, three times: the adapter alone plays it.
    const adapter = await memory({ broker })(host)
    for (let death = 0; death < 3; death++) {
      const consumer = await adapter.consume('q', { leaseMs: 1_000, prefetch: 0, lost() {} })
      expect(await consumer.receive(1, AbortSignal.timeout(1_000))).toHaveLength(1)
      await clock.advance(1_100)
    }
    const reasons: string[] = []
    yard.on('job.dead', (event) => void reasons.push(event.reason))
    await yard.work([handle(fragile, () => {})])
    await clock.advance(10)
    expect(reasons).toEqual(['crash-loop'])
    const closing = yard.close()
    await clock.advance(60_000)
    await closing
  })

  it('stops gracefully: finishes within the grace, then aborts with Shutdown, then releases without using an attempt', async () => {
    const { yard, clock, of, count } = await yardOf()
    await yard.enqueueMany(job, [{ payload: { n: 1 } }, { payload: { n: 2 } }, { payload: { n: 3 } }])
    const first = gate()
    const deaf = gate()
    const reasons: unknown[] = []
    const worker = await yard.work([
      handle(job, ({ n }, { signal }) => {
        if (n === 1) return first.promise
        if (n === 3) return deaf.promise
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            reject(signal.reason as Error)
          }),
        )
      }),
    ])
    await clock.advance(0)
    const stopping = worker.stop({ graceMs: 5_000 })
    await clock.advance(1_000)
    first.resolve()
    await clock.advance(4_000)
    expect(reasons[0]).toBeInstanceOf(Shutdown)
    await clock.advance(5_000)
    const report = await stopping
    expect(report).toEqual({ finished: 1, released: 2, abandoned: 1 })
    expect(count('job.completed')).toBe(1)
    expect(of('job.released')).toMatchObject([
      { why: 'interrupted', attempt: 1 },
      { why: 'interrupted', attempt: 1 },
    ])
    const { lanes } = await yard.stats('q')
    expect(lanes[0]?.stats).toMatchObject({ ready: { value: 2 }, leased: { value: 0 } })
    deaf.resolve()
  })

  it('snoozes without an attempt and rejects without another', async () => {
    const { yard, clock, of } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    let runs = 0
    await yard.work([
      handle(job, () => {
        runs += 1
        if (runs === 1) throw new Snooze(5_000)
        throw new Reject('no such order')
      }),
    ])
    await clock.advance(4_999)
    expect(runs).toBe(1)
    await clock.advance(1)
    expect(of('job.dead')).toMatchObject([{ reason: 'rejected', attempt: 1 }])
  })

  it('repeats a settlement whose reply was lost, and says when nobody can know', async () => {
    const broker = new MemoryBroker()
    const faulty = faultyAdapter(memory({ broker }) as AdapterFactory, [
      { call: 'settle', nth: 1, kind: 'fail' },
      { call: 'settle', nth: 3, kind: 'drop-reply' },
    ])
    const { yard, clock, count } = await yardOf({ broker: faulty })
    await yard.enqueue(job, { n: 1 })
    await yard.work([handle(job, () => {})], { queues: { q: { concurrency: 1 } } })
    await clock.advance(100)
    expect([count('job.completed'), count('settle.unknown')]).toEqual([1, 0])
    await yard.enqueue(job, { n: 2 })
    await clock.advance(1_000)
    // Applied, reply lost, repeated: `lost` then may mean either.
    expect([count('job.completed'), count('settle.unknown'), count('job.started')]).toEqual([1, 1, 2])
  })

  it('runs middleware around the handler, first one outermost', async () => {
    const { yard, clock, count } = await yardOf()
    const order: string[] = []
    await yard.enqueue(job, { n: 1 })
    await yard.work([handle(job, () => void order.push('handler'))], {
      middleware: [
        async (_ctx, next) => {
          order.push('a')
          await next()
          order.push('a end')
        },
        async (_ctx, next) => {
          order.push('b')
          await next()
        },
      ],
    })
    await clock.advance(0)
    expect(order).toEqual(['a', 'b', 'handler', 'a end'])
    expect(count('job.completed')).toBe(1)
  })

  it('enqueues the onDead job once, with an id of its own', async () => {
    const alarm = defineJob({
      name: 'alarm',
      queue: 'alarms',
      payload: z.object({ dead: z.string(), why: z.string() }),
    })
    const risky = defineJob({
      name: 'risky',
      queue: 'q',
      payload,
      retry: { maxAttempts: 1 },
      onDead: { job: alarm, payload: ({ jobId, record }) => ({ dead: jobId, why: record.reason }) },
    })
    const { yard, clock } = await yardOf({ jobs: [risky, alarm] })
    const { jobId } = await yard.enqueue(risky, { n: 1 })
    const seen: unknown[] = []
    await yard.work([
      handle(risky, () => {
        throw new Error('x')
      }),
      handle(alarm, (p) => void seen.push(p)),
    ])
    await clock.advance(10)
    expect(seen).toEqual([{ dead: jobId, why: 'attempts' }])
  })

  it('waits out a delay that is longer than the broker holds, without using an attempt', async () => {
    const broker = memory({ capabilities: { maxDelayMs: 1_000, maxReleaseDelayMs: 2_000 } })
    const { yard, clock, of, count } = await yardOf({ broker })
    await yard.enqueue(job, { n: 1 }, { delayMs: 6_500 })
    await yard.work([handle(job, () => {})])
    await clock.advance(6_499)
    expect(count('job.started')).toBe(0)
    await clock.advance(1)
    expect(of('job.completed')).toMatchObject([{ attempt: 1 }])
    expect(of('job.released').map((event) => event.why)).toEqual(['early', 'early', 'early'])
  })

  it('drains: returns when ready, delayed and leased are all empty', async () => {
    const { yard, clock, count } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    await yard.enqueue(job, { n: 2 }, { delayMs: 3_000 })
    const worker = await yard.work([handle(job, () => {})])
    const draining = worker.drain()
    await clock.advance(5_000)
    expect(await draining).toMatchObject({ started: 2, certain: true, aborted: false })
    expect(count('job.completed')).toBe(2)
  })

  it('reports an event loop that stood still for over a third of a lease, with the job that ran', async () => {
    const { yard, clock, of } = await yardOf({ queues: { q: { leaseMs: 3_000 } } })
    await yard.enqueue(job, { n: 1 })
    const hold = gate()
    await yard.work([handle(job, () => hold.promise)])
    await clock.advance(100)
    clock.jump(2_000)
    await clock.advance(500)
    expect(of('worker.stalled')).toMatchObject([{ jobs: ['job'] }])
    hold.resolve()
  })
})
