import { MemoryBroker, memory } from '@switchyard/memory'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { refusal } from '../../test/refusal.ts'
import { altered, during, hostOf, job, numbered, yardOf } from '../../test/test-yard.ts'
import type { AdapterFactory } from '../adapter/adapter.ts'
import { connect, defineJob, handle, Reject } from '../index.ts'
import { faultyAdapter } from '../testing/faulty-adapter.ts'

const one = { queues: { q: { concurrency: 1 } } } as const

describe('a run', () => {
  it('settles nothing after its lease was lost, even when the handler is deaf', async () => {
    const broker = new MemoryBroker()
    const settled: string[] = []
    const deaf = altered(memory({ broker }) as AdapterFactory, {
      consumer: (inner) => ({
        extend: async (deliveries) => deliveries.map(() => 'lost' as const),
        settle: (settlements) => {
          settled.push(...settlements.map((settlement) => settlement.kind))
          return inner.settle(settlements)
        },
      }),
    })
    const { yard, clock, of, count } = await yardOf({ broker: deaf, queues: { q: { leaseMs: 3_000 } } })
    await yard.enqueue(job, { n: 1 })
    const hold = Promise.withResolvers<void>()
    await yard.work([handle(job, () => hold.promise)], one)
    await clock.advance(20_000)
    expect(of('lease.lost')).toMatchObject([{ known: 'renewal' }])
    expect(count('job.overrun')).toBe(1)
    expect(settled).toEqual([])
    hold.resolve()
    await clock.advance(0)
    expect(settled[0]).not.toBe('retry')
  })

  it('does not call the handler when the asynchronous schema ends after the time limit', async () => {
    const slow = Promise.withResolvers<void>()
    const schema = z.object({ n: z.number() }).refine(async () => {
      await slow.promise
      return true
    })
    const checked = defineJob({ name: 'checked', queue: 'q', payload: schema, timeoutMs: 1_000 })
    const broker = new MemoryBroker()
    const loose = defineJob({ name: 'checked', queue: 'q', payload: numbered })
    const producer = await yardOf({ broker: memory({ broker }), jobs: [loose] })
    const { yard, clock, of } = await yardOf({ broker: memory({ broker }), jobs: [checked], clock: producer.clock })
    await producer.yard.enqueue(loose, { n: 1 })
    const attempts: number[] = []
    await yard.work([handle(checked, (_p, ctx) => void attempts.push(ctx.attempt))], one)
    await clock.advance(7_000)
    expect(of('job.retried')).toHaveLength(1)
    slow.resolve()
    await clock.advance(0)
    expect(attempts).toEqual([2])
  })

  it('retries when the schema itself fails, since that says nothing about the payload', async () => {
    let calls = 0
    const validate = async (value: unknown) => {
      calls += 1
      if (calls === 1) throw Object.assign(new Error('no database'), { code: 'ECONNREFUSED' })
      return { value: value as { n: number } }
    }
    const flaky = defineJob({
      name: 'job',
      queue: 'q',
      payload: { '~standard': { version: 1, vendor: 'test', validate } },
    })
    const broker = new MemoryBroker()
    const producer = await yardOf({ broker: memory({ broker }), jobs: [job] })
    const { yard, clock, of, count } = await yardOf({
      broker: memory({ broker }),
      jobs: [flaky],
      clock: producer.clock,
    })
    await producer.yard.enqueue(job, { n: 1 })
    await yard.work([handle(flaky, () => {})])
    await clock.advance(10_000)
    expect(count('job.dead')).toBe(0)
    expect(of('job.retried')).toMatchObject([{ failure: { class: 'transient' } }])
    expect(count('job.completed')).toBe(1)
  })

  it.each<[string, () => unknown]>([
    [
      'throws undefined',
      () => {
        throw undefined
      },
    ],
    ['rejects with null', () => Promise.reject(null)],
    [
      'throws a symbol',
      () => {
        throw Symbol('x')
      },
    ],
    [
      'returns a thenable whose then throws',
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: a hostile thenable is the point
        then: () => {
          throw new Error('then')
        },
      }),
    ],
    [
      'returns an object whose then cannot be read',
      () =>
        Object.defineProperty({}, 'then', {
          get: () => {
            throw new Error('get')
          },
        }),
    ],
    [
      'throws a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        throw proxy
      },
    ],
    [
      'throws an error whose response cannot be read',
      () => {
        throw Object.assign(new Error('x'), {
          response: new Proxy(
            {},
            {
              get: () => {
                throw new Error('trap')
              },
            },
          ),
        })
      },
    ],
    [
      'asks to come back never',
      () => {
        throw Object.assign(new Error('x'), { retryAfterMs: Number.POSITIVE_INFINITY })
      },
    ],
  ])('counts one failed attempt when the handler %s', async (_name, behave) => {
    const { yard, clock, of } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    let runs = 0
    await yard.work(
      [
        handle(job, () => {
          runs += 1
          return runs === 1 ? behave() : undefined
        }),
      ],
      one,
    )
    await clock.advance(2_000)
    expect(of('job.retried')).toMatchObject([{ attempt: 1 }])
    expect(of('job.completed')).toMatchObject([{ attempt: 2 }])
  })

  it('resolves thenables that settle twice only once', async () => {
    const { yard, clock, count } = await yardOf()
    await yard.enqueueMany(job, [{ payload: { n: 1 } }, { payload: { n: 2 } }])
    const twice = {
      // biome-ignore lint/suspicious/noThenProperty: a hostile thenable is the point
      then: (done: () => void, failed: (error: unknown) => void) => {
        done()
        failed(new Error('too'))
        done()
      },
    }
    await yard.work([handle(job, () => twice)], one)
    await clock.advance(100)
    expect([count('job.completed'), count('job.retried')]).toEqual([2, 0])
  })

  it('says completed once, and nothing about its lease, when the transaction completed it and the handler goes on', async () => {
    const broker = new MemoryBroker()
    const factory = altered(memory({ broker }) as AdapterFactory, {
      adapter: (inner) => ({
        capabilities: { ...inner.capabilities, transactions: { value: true, support: 'native', why: 'test' } },
      }),
      consumer: (inner) => ({ settle: (settlements) => inner.settle(settlements) }),
    })
    const { yard, clock, of, count } = await yardOf({ broker: factory, queues: { q: { leaseMs: 3_000 } } })
    await yard.enqueue(job, { n: 1 })
    const hold = Promise.withResolvers<void>()
    const aborted: boolean[] = []
    await yard.work([
      handle(job, async (_p, ctx) => {
        await ctx.complete({})
        await hold.promise
        aborted.push(ctx.signal.aborted)
      }),
    ])
    await clock.advance(5_000)
    hold.resolve()
    await clock.advance(0)
    expect(aborted).toEqual([false])
    expect([count('lease.lost'), count('job.completed')]).toEqual([0, 1])
    expect(of('job.completed')).toMatchObject([{ attempt: 1 }])
  })

  it('refuses to complete in a transaction where the broker has none, naming the way out', async () => {
    const { yard, clock, of } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    const seen: unknown[] = []
    await yard.work([
      handle(job, async (_p, ctx) => {
        await ctx.complete({}).catch((error: unknown) => void seen.push(error))
      }),
    ])
    await clock.advance(0)
    expect(seen).toMatchObject([{ code: 'unsupported', option: 'tx', job: 'job', broker: 'memory' }])
    expect(of('job.completed')).toHaveLength(1)
  })

  it('survives a logger and an event listener that fail, also asynchronously', async () => {
    const broken = () => {
      throw new Error('disk full')
    }
    const { yard, clock, count } = await yardOf({ log: { debug: broken, info: broken, warn: broken, error: broken } })
    yard.on('job.started', broken)
    yard.on('job.completed', (async () => broken()) as never)
    await yard.enqueueMany(job, [{ payload: { n: 1 } }, { payload: { n: 2 } }])
    await yard.work([handle(job, () => {})], one)
    await clock.advance(100)
    expect(count('job.completed')).toBe(2)
  })

  it('tries the onDead job again while its broker refuses it, before the letter is moved', async () => {
    const alarm = defineJob({ name: 'alarm', queue: 'alarms', payload: numbered })
    const risky = defineJob({
      name: 'risky',
      queue: 'q',
      payload: numbered,
      onDead: { job: alarm, payload: () => ({ n: 7 }) },
    })
    const factory = faultyAdapter(memory() as AdapterFactory, [{ call: 'send', nth: [2, 3], kind: 'fail' }])
    const { yard, clock, count } = await yardOf({ broker: factory, jobs: [risky, alarm] })
    await yard.enqueue(risky, { n: 1 })
    await yard.work([
      handle(risky, () => {
        throw new Reject('no')
      }),
    ])
    await clock.advance(20_000)
    expect(count('job.dead')).toBe(1)
    expect(await yard.peek('alarms')).toMatchObject([{ payload: { n: 7 } }])
  })

  it('moves the letter and says so when the onDead job can never be enqueued', async () => {
    const alarm = defineJob({ name: 'alarm', queue: 'alarms', payload: numbered })
    const risky = defineJob({
      name: 'risky',
      queue: 'q',
      payload: numbered,
      onDead: { job: alarm, payload: () => ({ n: 'no number' }) },
    })
    const { yard, clock, count, of } = await yardOf({ jobs: [risky, alarm] })
    await yard.enqueue(risky, { n: 1 })
    await yard.work([
      handle(risky, () => {
        throw new Reject('no')
      }),
    ])
    await clock.advance(0)
    expect(count('job.dead')).toBe(1)
    expect(of('broker.fault')).toMatchObject([{ code: 'on-dead' }])
  })

  it('buries with a shorter record, and then the bare body, what the broker finds too large', async () => {
    const chatty = defineJob({ name: 'job', queue: 'q', payload: numbered, retry: { maxAttempts: 1 } })
    const sizes: number[] = []
    const factory = altered(memory() as AdapterFactory, {
      consumer: (inner) => ({
        settle: async (settlements) => {
          const [move] = settlements
          if (move?.kind !== 'move') return inner.settle(settlements)
          sizes.push(move.message.body.length)
          if (move.message.body.length > 1_500) {
            return [refusal('too-large')]
          }
          return inner.settle(settlements)
        },
      }),
    })
    const { yard, clock, count } = await yardOf({ broker: factory, jobs: [chatty] })
    await yard.enqueue(chatty, { n: 1 })
    let runs = 0
    await yard.work([
      handle(chatty, () => {
        runs += 1
        throw Object.assign(new Error('x'.repeat(1_900)), { stack: 'y'.repeat(3_000) })
      }),
    ])
    await clock.advance(100)
    expect(runs).toBe(1)
    expect(sizes).toHaveLength(2)
    expect(count('job.dead')).toBe(1)
    const { letters } = await during(clock, yard.deadLetters.list())
    expect(letters).toMatchObject([{ reason: 'attempts', envelope: { payload: { n: 1 } } }])
  })

  it('keeps a body that is no envelope as it is when a letter around it would be too large', async () => {
    const broker = new MemoryBroker()
    const factory = memory({ broker, capabilities: { maxBodyBytes: 400_000 } }) as AdapterFactory
    const { yard, clock, count } = await yardOf({ broker: factory })
    await yard.stats('q')
    const raw = await factory(hostOf(clock))
    const body = '"'.repeat(390_000)
    await raw.send('q', [{ id: 'd290f1ee-6c54-4b01-90e6-d701748f0851', name: 'x', body, delayMs: 0 }])
    await yard.work([handle(job, () => {})])
    await clock.advance(100)
    expect(count('job.dead')).toBe(1)
    const { letters } = await yard.deadLetters.list()
    expect(letters).toMatchObject([{ reason: 'poison', envelope: { dead: { raw: body } } }])
  })

  it('repeats the settlement of a delivery that no handler runs, too', async () => {
    const broker = new MemoryBroker()
    const factory = faultyAdapter(memory({ broker }) as AdapterFactory, [{ call: 'settle', nth: 1, kind: 'fail' }])
    const other = defineJob({ name: 'other', queue: 'q', payload: numbered })
    const { yard, clock, count } = await yardOf({ broker: factory, jobs: [job, other] })
    await yard.enqueue(other, { n: 1 })
    await yard.work([handle(job, () => {})], one)
    await clock.advance(500)
    expect([count('job.put-back'), count('settle.unknown')]).toEqual([1, 0])
  })
})

describe('middleware', () => {
  it('that never calls next completes the job without its handler, and one that swallows a failure completes it', async () => {
    const { yard, clock, count } = await yardOf()
    await yard.enqueueMany(job, [{ payload: { n: 1 } }, { payload: { n: 2 } }])
    const ran: number[] = []
    await yard.work(
      [
        handle(job, ({ n }) => {
          ran.push(n)
          throw new Error('swallowed')
        }),
      ],
      {
        middleware: [
          async (ctx, next) => {
            if (ctx.job.headers.skip === undefined && ran.length === 0) await next().catch(() => {})
          },
        ],
        ...one,
      },
    )
    await clock.advance(100)
    expect(ran).toEqual([1])
    expect([count('job.completed'), count('job.retried')]).toEqual([2, 0])
  })

  it('that does not wait for next does not complete the job before its handler ended', async () => {
    const { yard, clock, count } = await yardOf()
    await yard.enqueue(job, { n: 1 })
    const hold = Promise.withResolvers<void>()
    await yard.work([handle(job, () => hold.promise)], {
      middleware: [
        async (_ctx, next) => {
          void next().catch(() => {})
        },
      ],
    })
    await clock.advance(100)
    expect(count('job.completed')).toBe(0)
    hold.reject(new Error('late failure'))
    await clock.advance(0)
    expect([count('job.completed'), count('job.retried')]).toEqual([0, 1])
  })

  it('is refused when it is no list of functions', async () => {
    const { yard } = await yardOf()
    await expect(yard.work([handle(job, () => {})], { middleware: [{}] as never })).rejects.toMatchObject({
      option: 'middleware',
    })
  })
})

it('a yard refuses an onDead job that it does not know', async () => {
  const alarm = defineJob({ name: 'alarm', queue: 'alarms', payload: numbered })
  const risky = defineJob({
    name: 'risky',
    queue: 'q',
    payload: numbered,
    onDead: { job: alarm, payload: () => ({ n: 7 }) },
  })
  await expect(connect({ broker: memory(), jobs: [risky] })).rejects.toMatchObject({
    code: 'config',
    option: 'onDead',
    job: 'risky',
  })
})
