import { MemoryBroker, memory } from '@switchyard/memory'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import type { AdapterFactory } from '../adapter/adapter.ts'
import {
  type AnyJob,
  ConfigError,
  type ConnectOptions,
  connect,
  defineJob,
  EnqueueError,
  handle,
  InvalidPayloadError,
  PayloadTooLargeError,
  Reject,
  UnsupportedError,
} from '../index.ts'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { faultyAdapter } from '../testing/faulty-adapter.ts'
import { yardMatchers } from '../testing/matchers.ts'
import '../testing/vitest.ts'
import { checkEnqueueOptions } from './enqueue-options.ts'

const payload = z.object({ n: z.number() })
const job = defineJob({ name: 'job', queue: 'q', payload })
const keyed = defineJob({ name: 'keyed', queue: 'q', payload, key: (p) => `k${p.n}` })

async function yardOf(options: Partial<ConnectOptions> & { readonly jobs?: readonly AnyJob[] } = {}) {
  const clock = (options.clock as FakeClock | undefined) ?? fakeClock()
  const yard = await connect({ broker: memory(), jobs: [job, keyed], ...options, clock })
  onTestFinished(async () => {
    const closing = yard.close()
    await clock.advance(60_000)
    await closing
  })
  return { yard, clock }
}

describe('enqueue', () => {
  it('makes version 7 ids without a key, and the same version 5 id for the same key', async () => {
    const { yard } = await yardOf()
    const first = await yard.enqueue(job, { n: 1 })
    const second = await yard.enqueue(job, { n: 1 })
    expect(first.jobId[14]).toBe('7')
    expect(first.jobId < second.jobId).toBe(true)
    const a = await yard.enqueue(keyed, { n: 1 })
    const b = await yard.enqueue(keyed, { n: 1 })
    expect(a).toMatchObject({ status: 'accepted' })
    expect(b).toEqual({ jobId: a.jobId, status: 'duplicate' })
    const other = await yard.enqueue(keyed, { n: 1 }, { key: 'another' })
    expect(other.status).toBe('accepted')
  })

  it('resolves an enqueue whose reply was lost by repeating it with its id', async () => {
    const faulty = faultyAdapter(memory() as AdapterFactory, [{ call: 'send', nth: 1, kind: 'drop-reply' }])
    const { yard } = await yardOf({ broker: faulty })
    const error = await yard.enqueue(job, { n: 1 }).catch((thrown: unknown) => thrown as EnqueueError)
    expect(error).toBeInstanceOf(EnqueueError)
    const { jobId, maybeApplied, message } = error as EnqueueError
    expect(maybeApplied).toBe(true)
    expect(message).toContain(jobId)
    expect(await yard.enqueue(job, { n: 1 }, { id: jobId })).toEqual({ jobId, status: 'duplicate' })
  })

  it('says that nothing was stored when the broker refused', async () => {
    const { yard } = await yardOf({
      broker: faultyAdapter(memory() as AdapterFactory, [{ call: 'send', nth: 1, kind: 'fail' }]),
    })
    await expect(yard.enqueue(job, { n: 1 })).rejects.toMatchObject({
      maybeApplied: false,
      retryable: true,
      code: 'enqueue',
    })
  })

  it('answers per item in enqueueMany', async () => {
    const { yard } = await yardOf()
    const results = await yard.enqueueMany(keyed, [
      { payload: { n: 1 } },
      { payload: { n: 'x' as never } },
      { payload: { n: 1 } },
      { payload: { n: 2 }, delayMs: -1 },
    ])
    expect(results.map((result) => result.status)).toEqual(['accepted', 'failed', 'duplicate', 'failed'])
    expect(results[1]).toMatchObject({ jobId: null, error: expect.any(InvalidPayloadError) })
    expect(results[3]).toMatchObject({ error: expect.any(ConfigError) })
  })

  it('refuses a payload over the limit, naming the way out, and takes one just at it', async () => {
    const text = defineJob({ name: 'text', queue: 'q', payload: z.string() })
    const { yard } = await yardOf({ jobs: [text], queues: { q: { maxPayloadBytes: 1_000 } } })
    expect((await yard.enqueue(text, 'x'.repeat(998))).status).toBe('accepted')
    await expect(yard.enqueue(text, 'x'.repeat(999))).rejects.toBeInstanceOf(PayloadTooLargeError)
    await expect(yard.enqueue(text, 'é'.repeat(500))).rejects.toThrow(/1002 bytes.*raise maxPayloadBytes/)
  })

  it('checks a Date as the text that the worker will see', async () => {
    const strict = defineJob({ name: 'strict', queue: 'q', payload: z.object({ at: z.date() }) })
    const { yard } = await yardOf({ jobs: [strict] })
    await expect(yard.enqueue(strict, { at: new Date() })).rejects.toBeInstanceOf(InvalidPayloadError)
  })

  it('refuses a definition that connect did not see', async () => {
    const { yard } = await yardOf({ jobs: [job] })
    await expect(yard.enqueue(keyed, { n: 1 })).rejects.toThrow(/was not given to connect/)
  })

  it('refuses unknown and wrong options before any I/O, and throws nothing but ConfigError', () => {
    expect(() => checkEnqueueOptions({ delay: 5 } as never, 'job')).toThrow(/delay is not an option of enqueue/)
    expect(() => checkEnqueueOptions({ delayMs: 1, runAt: 5 }, 'job')).toThrow(/exclude each other/)
    expect(() => checkEnqueueOptions({ headers: { a: 1 } as never }, 'job')).toThrow(/headers.a must be text/)
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('delayMs', 'runAt', 'id', 'key', 'orderKey', 'correlationId', 'headers'),
          fc.anything(),
        ),
        (options) => {
          try {
            checkEnqueueOptions(options as never, 'job')
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError)
          }
        },
      ),
    )
  })

  it('accepts runAt as Date, epoch ms and text', async () => {
    const { yard, clock } = await yardOf()
    const at = clock.now() + 5_000
    for (const runAt of [new Date(at), at, new Date(at).toISOString()]) await yard.enqueue(job, { n: 1 }, { runAt })
    const delayed = await yard.peek('q', { state: 'delayed' })
    expect(delayed.map((seen) => seen.dueAt)).toEqual([at, at, at])
  })
})

describe('connect', () => {
  it.each<[string, Partial<ConnectOptions>, RegExp]>([
    ['an unknown scheme', { broker: 'kafka://u:secret@host' }, /unknown scheme "kafka"/],
    ['no URL', { broker: 'redis' }, /is not a URL/],
    ['an unknown option', { borker: 1 } as never, /borker is not an option/],
    [
      'two definitions of one name',
      { jobs: [job, defineJob({ name: 'job', queue: 'other', payload })] },
      /two definitions are named "job"/,
    ],
    ['an unknown queue option', { queues: { q: { lease: 5 } as never } }, /lease is not an option of a queue/],
    ['a hostile queue name', { queues: { '../x': {} } }, /must match/],
    ['a queue name of the prototype', { queues: { __proto__x: {} } as never }, /must match/],
  ])('refuses %s', async (_name, options, message) => {
    const attempt = connect({ broker: memory(), jobs: [job], ...options })
    await expect(attempt).rejects.toThrow(message)
    await expect(attempt).rejects.not.toThrow(/secret/)
  })

  it.each<[string, AnyJob, Parameters<typeof memory>[0]]>([
    [
      'unique',
      defineJob({ name: 'u', queue: 'q', payload, key: () => 'k', unique: { while: 'queued' } }),
      { capabilities: { unique: [] } },
    ],
    [
      'ordered',
      defineJob({ name: 'o', queue: 'q', payload, orderKey: () => 'k' }),
      { capabilities: { ordering: 'none', unique: [] } },
    ],
    [
      'timeoutMs',
      defineJob({ name: 't', queue: 'q', payload, timeoutMs: 3_600_000 }),
      { capabilities: { maxLeaseMs: 1_800_000 } },
    ],
  ])('refuses %s where the broker cannot keep it, naming alternatives', async (option, definition, weaker) => {
    const attempt = connect({ broker: memory(weaker), jobs: [definition] })
    await expect(attempt).rejects.toBeInstanceOf(UnsupportedError)
    await expect(attempt).rejects.toMatchObject({ option, broker: 'memory' })
  })

  it('refuses a per-call delay and order key that the broker cannot keep', async () => {
    const { yard } = await yardOf({
      broker: memory({ capabilities: { maxDelayMs: 0, maxReleaseDelayMs: 0, ordering: 'none', unique: [] } }),
    })
    await expect(yard.enqueue(job, { n: 1 }, { delayMs: 5 })).rejects.toMatchObject({
      code: 'unsupported',
      option: 'delayMs',
    })
    await expect(yard.enqueue(job, { n: 1 }, { orderKey: 'k' })).rejects.toMatchObject({
      code: 'unsupported',
      option: 'orderKey',
    })
  })

  it('gives up on a broker that never answers, and closes a late one', async () => {
    const clock = fakeClock()
    const opened = Promise.withResolvers<never>()
    const attempt = connect({ broker: () => opened.promise, jobs: [], clock })
    const settled = expect(attempt).rejects.toMatchObject({ code: 'timeout' })
    await clock.advance(12_000)
    await settled
  })
})

describe('dead letters', () => {
  async function withDead(broker: AdapterFactory, count: number) {
    const { yard, clock } = await yardOf({ broker, jobs: [job] })
    await yard.enqueueMany(
      job,
      Array.from({ length: count }, (_, n) => ({ payload: { n } })),
    )
    const worker = await yard.work(
      [
        handle(job, ({ n }) => {
          throw new Reject(n % 2 === 0 ? 'even number' : 'odd number')
        }),
      ],
      { queues: { q: { concurrency: 1 } } },
    )
    await clock.advance(200)
    const stopping = worker.stop()
    await clock.advance(0)
    await stopping
    return { yard, clock }
  }
  /** Awaits `work` while time passes. */
  async function during<Value>(clock: FakeClock, work: Promise<Value>): Promise<Value> {
    let done = false
    const finished = work.finally(() => {
      done = true
    })
    while (!done) await clock.advance(100)
    return finished
  }

  it.each([true, false])('are listed by queue, job, age and error pattern (browse: %s)', async (browse) => {
    const { yard, clock } = await withDead(memory({ capabilities: { browse } }) as AdapterFactory, 6)
    const all = await during(clock, yard.deadLetters.list())
    expect(all).toMatchObject({ complete: true, scanned: 6 })
    expect((await during(clock, yard.deadLetters.list({ error: 'EVEN' }))).letters).toHaveLength(3)
    expect((await during(clock, yard.deadLetters.list({ error: /odd/ }))).letters).toHaveLength(3)
    expect((await during(clock, yard.deadLetters.list({ job: 'other' }))).letters).toHaveLength(0)
    expect((await during(clock, yard.deadLetters.list({ since: clock.now() + 1 }))).letters).toHaveLength(0)
    expect(await during(clock, yard.deadLetters.list({}, { limit: 2 }))).toMatchObject({ complete: false })
    await expect(yard.deadLetters.list({ queue: 'nope' })).rejects.toThrow(/"nope" is not known/)
    await expect(yard.deadLetters.list({ eror: 'x' } as never)).rejects.toThrow(/eror is not a filter/)
  })

  it('lose and age nothing in a hundred listings without browse', async () => {
    const broker = new MemoryBroker()
    const { yard, clock } = await withDead(memory({ broker, capabilities: { browse: false } }) as AdapterFactory, 5)
    const before = (await during(clock, yard.deadLetters.list())).letters.map((letter) => letter.jobId)
    for (let look = 0; look < 100; look++) await during(clock, yard.deadLetters.list({ error: 'odd' }))
    const peeker = await connect({ broker: memory({ broker }), jobs: [job], clock })
    const after = await peeker.deadLetters.list()
    expect(after.letters.map((letter) => letter.jobId)).toEqual(before)
    const raw = await memory({ broker })({
      clock,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      callDeadlineMs: 1_000,
      connectDeadlineMs: 1_000,
      report() {},
    })
    const seen = await raw.browse?.('q.dead', { state: 'ready', cursor: null, limit: 10 })
    expect(seen?.messages.map((message) => message.lapses)).toEqual([0, 0, 0, 0, 0])
  })

  it.each([true, false])(
    'are replayed by filter with the same id and fresh attempts, and dry runs change nothing (browse: %s)',
    async (browse) => {
      const { yard, clock } = await withDead(memory({ capabilities: { browse } }) as AdapterFactory, 4)
      expect(await during(clock, yard.deadLetters.replay({ error: 'even' }, { dryRun: true }))).toMatchObject({
        done: 0,
        dryRun: true,
        letters: { length: 2 },
      })
      const ids = (await during(clock, yard.deadLetters.list({ error: 'even' }))).letters.map((letter) => letter.jobId)
      const started = clock.now()
      expect(await during(clock, yard.deadLetters.replay({ error: 'even' }, { perSecond: 2 }))).toMatchObject({
        done: 2,
        failed: [],
      })
      expect(clock.now() - started).toBeGreaterThanOrEqual(1_000)
      const seen: string[] = []
      const past: unknown[] = []
      yard.on('job.completed', (event) => void seen.push(event.jobId))
      const worker = await yard.work([handle(job, (_p, ctx) => void past.push(ctx.attempt, ctx.job.replays))])
      await clock.advance(10)
      expect(seen.sort()).toEqual(ids.sort())
      expect(past).toEqual([1, 1, 1, 1])
      const stopping = worker.stop()
      await clock.advance(0)
      await stopping
      expect((await during(clock, yard.deadLetters.list())).letters).toHaveLength(2)
      expect(await during(clock, yard.deadLetters.discard({ error: 'odd' }, { reason: 'test' }))).toMatchObject({
        done: 2,
      })
      expect((await during(clock, yard.deadLetters.list())).letters).toHaveLength(0)
    },
  )

  it('need a reason to be discarded', async () => {
    const { yard } = await yardOf()
    expect(() => yard.deadLetters.discard({}, { reason: ' ' })).toThrow(/reason must say why/)
  })

  it('are found by the matchers', async () => {
    const { yard } = await withDead(memory() as AdapterFactory, 1)
    await expect(yard).toHaveDeadLettered(job, {
      n: 0,
    })
    await yard.enqueue(job, { n: 7 })
    await expect(yard).toHaveEnqueued(job, { n: 7 })
    const { pass } = await yardMatchers.toHaveEnqueued(yard, job, { n: 8 })
    expect(pass).toBe(false)
    expect((await yardMatchers.toBeDrained(yard, 'q')).pass).toBe(false)
  })
})
