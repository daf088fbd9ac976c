import { memory } from '@switchyard/memory'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { refusal } from '../../test/refusal.ts'
import { altered, job, numbered, yardOf } from '../../test/test-yard.ts'
import type { AdapterFactory } from '../adapter/adapter.ts'
import {
  BrokerError,
  ConfigError,
  connect,
  defineJob,
  EnqueueError,
  handle,
  InvalidPayloadError,
  maskedUrl,
} from '../index.ts'
import { faultyAdapter } from '../testing/faulty-adapter.ts'

const anything = defineJob({ name: 'anything', queue: 'q', payload: z.any() })

describe('enqueue', () => {
  it.each<[string, unknown]>([
    [
      'a getter that throws',
      Object.defineProperty({}, 'x', {
        enumerable: true,
        get: () => {
          throw new Error('no')
        },
      }),
    ],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
    ],
    [
      'a proxy that throws',
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no')
          },
        },
      ),
    ],
    [
      'a circle',
      (() => {
        const circle: { self?: unknown } = {}
        circle.self = circle
        return circle
      })(),
    ],
    ['a BigInt', { n: 1n }],
  ])('refuses %s as payload with InvalidPayloadError', async (_name, value) => {
    const { yard } = await yardOf({ jobs: [anything] })
    await expect(yard.enqueue(anything, value)).rejects.toBeInstanceOf(InvalidPayloadError)
  })

  it('keeps own __proto__ keys, lone surrogates and NUL of payload, headers and correlation id as they are', async () => {
    const { yard, clock } = await yardOf({ jobs: [anything] })
    const value = JSON.parse('{"__proto__":{"admin":true},"text":"\\ud800\\u0000\\uffff"}') as unknown
    const headers = JSON.parse('{"__proto__":"x","a":"\\udfff"}') as Record<string, string>
    await yard.enqueue(anything, value, { headers, correlationId: 'c\u0000' })
    const seen: unknown[] = []
    await yard.work([
      handle(
        anything,
        (p, ctx) => void seen.push(JSON.stringify(p), JSON.stringify(ctx.job.headers), ctx.job.correlationId),
      ),
    ])
    await clock.advance(0)
    expect(seen).toEqual([JSON.stringify(value), JSON.stringify(headers), 'c\u0000'])
  })

  it('sends what was validated although the caller changes it meanwhile', async () => {
    const gate = Promise.withResolvers<void>()
    const slow = defineJob({
      name: 'slow',
      queue: 'q',
      payload: z.object({ n: z.number() }).refine(async () => {
        await gate.promise
        return true
      }),
    })
    const { yard } = await yardOf({ jobs: [job, slow] })
    const payload = { n: 1 }
    const fast = yard.enqueue(job, payload)
    const late = yard.enqueue(slow, payload)
    payload.n = 2
    gate.resolve()
    await Promise.all([fast, late])
    expect((await yard.peek('q')).map((seen) => seen.payload)).toEqual([{ n: 1 }, { n: 1 }])
  })

  it('takes any thenable of an asynchronous schema', async () => {
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) => {
          const result = Promise.resolve(
            (value as { n: unknown }).n === 1 ? { value } : { issues: [{ message: 'not one' }] },
          )
          // biome-ignore lint/suspicious/noThenProperty: a promise of another library
          return { then: result.then.bind(result) } as unknown as Promise<{ value: unknown }>
        },
      },
    }
    const foreign = defineJob({ name: 'foreign', queue: 'q', payload: schema })
    const { yard } = await yardOf({ jobs: [foreign] })
    expect((await yard.enqueue(foreign, { n: 1 })).status).toBe('accepted')
    await expect(yard.enqueue(foreign, { n: 2 })).rejects.toBeInstanceOf(InvalidPayloadError)
  })

  it.each(['key', 'orderKey', 'unique'] as const)(
    'names job and option when %s throws or gives no usable text',
    async (option) => {
      for (const make of [
        () => {
          throw new Error('oops')
        },
        () => '',
        () => 5 as never,
        () => 'x'.repeat(501),
        () => 'a\ud800',
      ]) {
        const bad = defineJob({
          name: 'bad',
          queue: 'q',
          payload: numbered,
          ...(option === 'unique' ? { unique: { by: make, while: 'queued' as const } } : { [option]: make }),
        })
        const { yard } = await yardOf({ jobs: [bad] })
        await expect(yard.enqueue(bad, { n: 1 })).rejects.toMatchObject({ code: 'config', job: 'bad', option })
        expect(await yard.enqueueMany(bad, [{ payload: { n: 1 } }])).toMatchObject([{ status: 'failed', jobId: null }])
      }
    },
  )

  it('names the job when its schema throws', async () => {
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: () => {
          throw new Error('bug')
        },
      },
    }
    const bad = defineJob({ name: 'bad', queue: 'q', payload: schema })
    const { yard } = await yardOf({ jobs: [bad] })
    await expect(yard.enqueue(bad, 1)).rejects.toMatchObject({ code: 'config', job: 'bad', option: 'payload' })
  })

  it.each<[string, object]>([
    ['delayMs', { delayMs: Number.MAX_SAFE_INTEGER }],
    ['runAt', { runAt: 8.64e15 + 1 }],
    ['runAt', { runAt: -8.64e15 - 1 }],
    ['runAt', { runAt: '+275761-01-01T00:00:00Z' }],
    ['key', { key: 'a\ud800' }],
    ['orderKey', { orderKey: '\udc00' }],
    ['headers', { headers: new Map([['a', 'b']]) }],
    ['headers', { headers: new Headers({ a: 'b' }) }],
    ['options', null as never],
  ])('refuses an impossible %s', async (option, options) => {
    const { yard } = await yardOf()
    await expect(yard.enqueue(job, { n: 1 }, options as never)).rejects.toMatchObject({ code: 'config', option })
  })

  it('takes the last moment that a Date can be', async () => {
    const { yard } = await yardOf()
    await yard.enqueue(job, { n: 1 }, { runAt: new Date(8.64e15) })
    expect(await yard.peek('q', { state: 'delayed' })).toMatchObject([{ dueAt: 8.64e15 }])
  })

  it('answers EnqueueError with the id when the queue cannot be declared: nothing was stored', async () => {
    const factory = faultyAdapter(memory() as AdapterFactory, [{ call: 'declare', nth: [1, 2], kind: 'drop-reply' }])
    const { yard } = await yardOf({ broker: factory })
    const error = (await yard.enqueue(job, { n: 1 }).catch((thrown: unknown) => thrown)) as EnqueueError
    expect(error).toBeInstanceOf(EnqueueError)
    expect(error).toMatchObject({ maybeApplied: false, retryable: true, jobId: expect.any(String) })
    expect(await yard.enqueueMany(job, [{ payload: { n: 1 } }])).toMatchObject([
      { status: 'failed', jobId: expect.any(String) },
    ])
    expect((await yard.enqueue(job, { n: 1 })).status).toBe('accepted')
  })

  it('declares a queue again after the broker said that it is gone', async () => {
    let declared = 0
    let gone = true
    const factory = altered(memory() as AdapterFactory, {
      adapter: (inner) => ({
        declare: (spec) => {
          declared += 1
          return inner.declare(spec)
        },
        send: async (queue, messages) => {
          if (!gone) return inner.send(queue, messages)
          gone = false
          return messages.map(() => refusal('not-found'))
        },
      }),
    })
    const { yard } = await yardOf({ broker: factory })
    await expect(yard.enqueue(job, { n: 1 })).rejects.toMatchObject({ maybeApplied: false })
    const before = declared
    await yard.enqueue(job, { n: 1 })
    expect(declared).toBeGreaterThan(before)
  })

  it.each<[string, (count: number) => unknown]>([
    ['too few results', () => []],
    ['holes', (count) => new Array(count)],
    ['no list', () => undefined],
    ['plain errors', (count) => Array.from({ length: count }, () => new Error('raw'))],
  ])('says that it may be stored when the adapter answers %s', async (_name, answer) => {
    const factory = altered(memory() as AdapterFactory, {
      adapter: () => ({ send: async (_queue, messages) => answer(messages.length) as never }),
    })
    const { yard } = await yardOf({ broker: factory })
    await expect(yard.enqueue(job, { n: 1 })).rejects.toMatchObject({ code: 'enqueue', maybeApplied: true })
    expect(await yard.enqueueMany(job, [{ payload: { n: 1 } }])).toMatchObject([{ status: 'failed' }])
  })

  it('keeps the failure of one call from the sends of other lanes, and sends a long list in parts', async () => {
    const urgent = defineJob({ name: 'urgent', queue: 'q', payload: numbered, priority: 'critical' })
    const sizes: number[] = []
    const factory = altered(memory() as AdapterFactory, {
      adapter: (inner) => ({
        send: async (queue, messages) => {
          if (queue === 'q.critical') throw refusal('unavailable')
          sizes.push(messages.length)
          return inner.send(queue, messages)
        },
      }),
    })
    const { yard } = await yardOf({ broker: factory, jobs: [job, urgent] })
    const [good, bad] = await Promise.allSettled([yard.enqueue(job, { n: 1 }), yard.enqueue(urgent, { n: 1 })])
    expect([good?.status, bad?.status]).toEqual(['fulfilled', 'rejected'])
    const many = await yard.enqueueMany(
      job,
      Array.from({ length: 2_500 }, (_, n) => ({ payload: { n } })),
    )
    expect(many.every((one) => one.status === 'accepted')).toBe(true)
    expect(sizes).toEqual([1, 1_000, 1_000, 500])
  })

  it('shows a foreign body among waiting jobs instead of failing over it', async () => {
    const factory = altered(memory() as AdapterFactory, {
      adapter: (inner) => ({
        send: (queue, messages) =>
          inner.send(
            queue,
            messages.map((one, index) => (index === 0 ? { ...one, body: 'no envelope' } : one)),
          ),
      }),
    })
    const { yard } = await yardOf({ broker: factory })
    await yard.enqueueMany(job, [{ payload: { n: 1 } }, { payload: { n: 2 } }])
    expect(await yard.peek('q')).toMatchObject([
      { job: '(undecodable)', payload: null },
      { job: 'job', payload: { n: 2 } },
    ])
  })
})

describe('secrets', () => {
  it.each([
    ['redis://user:p@ss@host:6379/0', 'redis://host:6379/0'],
    ['redis://user:pa/ss@host:6379/0', 'redis://host:6379/0'],
    ['redis://user:pa?ss@host', 'redis://***'],
    ['redis://user:pa#ss@host', 'redis://***'],
    ['amqp://u:s@[::1]:5672/%2f', 'amqp://[::1]:5672/%2f'],
    ['sqs://eu-west-1?endpoint=http://k:s@host', 'sqs://eu-west-1'],
    ['postgres://host/db?password=s', 'postgres://host/db'],
    ['redis:user:s@host', 'redis:host'],
    ['user:s@host', 'user:host'],
    ['sqlite:/data/a@b.db?x=s', 'sqlite:/data/a@b.db'],
    ['s', '(not a URL)'],
  ])('are not in the masked form of %s', (url, masked) => {
    expect(maskedUrl(url)).toBe(masked)
  })

  it('are not in errors of adapters that quote the URL', async () => {
    const error = new BrokerError({
      code: 'unavailable',
      adapter: 'x',
      message: 'cannot reach redis://me:s3cr@t@host:1',
    })
    expect(error.message).toBe('[x] cannot reach redis://***@host:1')
    const factory: AdapterFactory = () => {
      throw new Error('connect amqp://me:s3cret@host failed')
    }
    const failed = connect({ broker: factory, jobs: [] })
    await expect(failed).rejects.toBeInstanceOf(BrokerError)
    await expect(failed).rejects.not.toThrow(/s3cret/)
  })
})

describe('connect', () => {
  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'takes no scheme or option from the prototype: %s',
    async (name) => {
      await expect(connect({ broker: `${name}:x`, jobs: [] })).rejects.toBeInstanceOf(ConfigError)
      await expect(
        connect({ broker: memory(), jobs: [], [name === '__proto__' ? 'prototype' : name]: 1 } as never),
      ).rejects.toBeInstanceOf(ConfigError)
    },
  )

  it('plans a queue called constructor with its own defaults', async () => {
    const odd = defineJob({ name: 'odd', queue: 'constructor', payload: numbered })
    const { yard, clock, count } = await yardOf({ jobs: [odd] })
    await yard.enqueue(odd, { n: 1 })
    await yard.work([handle(odd, () => {})])
    await clock.advance(0)
    expect([yard.queues[0]?.ordered, count('job.completed')]).toEqual([false, 1])
  })

  it('tells why it cannot work even when closing fails too', async () => {
    const factory = altered(memory({ capabilities: { unique: [] } }) as AdapterFactory, {
      adapter: () => ({ close: () => Promise.reject(refusal('unknown')) }),
    })
    const once = defineJob({ name: 'once', queue: 'q', payload: numbered, key: () => 'k', unique: { while: 'queued' } })
    await expect(connect({ broker: factory, jobs: [once] })).rejects.toMatchObject({ code: 'unsupported' })
  })
})
