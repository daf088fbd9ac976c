import { type RunningBroker, startBroker } from '@switchyard/brokers'
import type { Delivery } from '@switchyard/core/adapter'
import { systemClock } from '@switchyard/core/adapter'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { consumerOf, freshQueue, message, type Open, openRedis, takeOne } from './fixture.ts'

let broker: RunningBroker
let admin: Redis
let open: Open

beforeAll(async () => {
  broker = await startBroker('redis')
  admin = new Redis(broker.url)
})

afterAll(async () => {
  admin.disconnect()
  await broker.stop()
})

beforeEach(async () => {
  open = await openRedis({ url: broker.url })
})

afterEach(async () => {
  vi.useRealTimers()
  await open.adapter.close()
})

/** What is waiting, ready or not. */
async function counts(queue: string): Promise<readonly (number | undefined)[]> {
  const { ready, leased, delayed } = await open.adapter.stats(queue)
  return [ready?.value, leased?.value, delayed?.value]
}

test.each([60_000, -60_000])(
  'a clock of a worker that is %i ms off takes nothing early and nothing late',
  async (offMs) => {
    const queue = await freshQueue(open.adapter)
    const consumer = await consumerOf(open.adapter, queue)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + offMs })
    for (const step of ['send', 'retry'] as const) {
      const from = performance.now()
      let delivery: Delivery
      if (step === 'send') await open.adapter.send(queue, [message({ delayMs: 400 })])
      else {
        delivery = await takeOne(consumer)
        expect(await consumer.settle([{ kind: 'retry', delivery, delayMs: 400 }])).toEqual(['settled'])
      }
      expect((await counts(queue)).at(-1)).toBe(1)
      const again = await takeOne(consumer)
      expect(performance.now() - from).toBeGreaterThanOrEqual(398)
      expect(performance.now() - from).toBeLessThan(2_500)
      await consumer.settle([{ kind: 'release', delivery: again, delayMs: 0 }])
    }
  },
)

test('a marker that an aborted receive had popped goes back: another worker is woken at once', async () => {
  await using other = await openRedis({ url: broker.url })
  const queue = await freshQueue(open.adapter)
  const [fickle, idle] = [await consumerOf(open.adapter, queue), await consumerOf(other.adapter, queue)]
  let slowest = 0
  for (let round = 0; round < 40; round += 1) {
    const abort = new AbortController()
    const dropped = fickle.receive(1, abort.signal)
    const taken = takeOne(idle)
    await new Promise((resolve) => setImmediate(resolve))
    const sent = open.adapter.send(queue, [message()])
    if (round % 2 === 0) abort.abort()
    await sent
    const from = performance.now()
    abort.abort()
    const [mine] = await dropped
    if (mine !== undefined) await fickle.settle([{ kind: 'release', delivery: mine, delayMs: 0 }])
    const delivery = await taken
    slowest = Math.max(slowest, performance.now() - from)
    expect(await idle.settle([{ kind: 'complete', delivery }])).toEqual(['settled'])
  }
  expect(slowest).toBeLessThan(2_500) // the floor is five seconds
})

test('an idle consumer is told of a job that became due through a retry elsewhere', async () => {
  await using other = await openRedis({ url: broker.url })
  const queue = await freshQueue(open.adapter)
  const [busy, idle] = [await consumerOf(other.adapter, queue), await consumerOf(open.adapter, queue)]
  await open.adapter.send(queue, [message()])
  const delivery = await takeOne(busy)
  const taken = takeOne(idle)
  const from = performance.now()
  await busy.settle([{ kind: 'retry', delivery, delayMs: 300, note: '{"attempt":2}' }])
  expect(await taken).toMatchObject({ note: '{"attempt":2}', lapses: 0 })
  expect(performance.now() - from).toBeLessThan(2_500)
})

test('BullMQ shows name, payload, state, delay and the note of a retry', async () => {
  const queue = await freshQueue(open.adapter)
  const [ready, later] = [message({ name: 'charge-card' }), message({ name: 'send-mail', delayMs: 60_000 })]
  await open.adapter.send(queue, [{ ...ready, body: '{"payload":{"orderId":"o-17"}}' }, later])
  const { host, port, password } = admin.options
  const view = new Queue(queue, {
    prefix: `{sy:${queue}}`,
    connection: { host: host ?? '', port: port ?? 0, password: password ?? '' },
  })
  view.on('error', () => undefined)
  try {
    const job = await view.getJob(ready.id)
    expect([job?.name, job?.data, await job?.getState()]).toEqual([
      'charge-card',
      { payload: { orderId: 'o-17' } },
      'waiting',
    ])
    const delayed = await view.getJob(later.id)
    expect([delayed?.name, delayed?.delay, await delayed?.getState()]).toEqual(['send-mail', 60_000, 'delayed'])
    const consumer = await consumerOf(open.adapter, queue)
    const delivery = await takeOne(consumer)
    await consumer.settle([{ kind: 'retry', delivery, delayMs: 60_000, note: '{"failures":["card declined"]}' }])
    const retried = await view.getJob(ready.id)
    expect([retried?.failedReason, retried?.attemptsMade]).toEqual(['{"failures":["card declined"]}', 1])
  } finally {
    await view.close()
  }
})

test('what BullMQ itself puts into the queue is delivered as the JSON text that it is', async () => {
  const queue = await freshQueue(open.adapter)
  const { host, port, password } = admin.options
  const foreign = new Queue(queue, {
    prefix: `{sy:${queue}}`,
    connection: { host: host ?? '', port: port ?? 0, password: password ?? '' },
  })
  foreign.on('error', () => undefined)
  await foreign.add('odd', { a: 1 })
  await foreign.close()
  const consumer = await consumerOf(open.adapter, queue)
  const delivery = await takeOne(consumer)
  expect(delivery).toMatchObject({ message: { body: '{"a":1}' }, note: null, lapses: 0 })
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['settled'])
})

test('a full server refuses sends and moves whole: nothing is lost, and all goes on when there is memory', async () => {
  const [queue, dead] = [await freshQueue(open.adapter), await freshQueue(open.adapter)]
  const consumer = await consumerOf(open.adapter, queue)
  let delivery = await takeAfterSend(consumer, queue)
  const warmUp = await takeAfterSend(consumer, queue)
  await open.adapter.send(queue, [message()])
  const move = (to: Delivery) =>
    [{ kind: 'move', delivery: to, to: dead, message: message({ body: '"died"' }) }] as const
  expect(await consumer.settle(move(warmUp))).toEqual(['settled']) // opens the connection of moves
  await admin.config('SET', 'maxmemory', '1mb')
  try {
    expect(await open.adapter.send(queue, [message()])).toMatchObject([
      { code: 'full', maybeApplied: false, retryable: true },
    ])
    expect(await consumer.settle(move(delivery))).toMatchObject([{ code: 'full', maybeApplied: false }])
    expect([await counts(queue), await counts(dead)]).toEqual([
      [1, 1, 0],
      [1, 0, 0],
    ])
    // what is there can be worked off
    const other = await takeOne(consumer)
    expect(await consumer.extend([other, delivery])).toEqual(['settled', 'settled'])
    expect(await consumer.settle([{ kind: 'complete', delivery: other }])).toEqual(['settled'])
    const put = await consumer.settle([{ kind: 'retry', delivery, delayMs: 0, note: '{"attempt":2}' }])
    expect([put, await counts(queue)]).toEqual([['settled'], [1, 0, 0]])
    delivery = await takeOne(consumer)
    await open.adapter.purge(dead)
    expect(await counts(dead)).toEqual([0, 0, 0])
  } finally {
    await admin.config('SET', 'maxmemory', '0')
  }
  expect(await consumer.settle(move(delivery))).toEqual(['settled'])
  expect([await counts(queue), await counts(dead)]).toEqual([
    [0, 0, 0],
    [1, 0, 0],
  ])
})

async function takeAfterSend(consumer: Awaited<ReturnType<typeof consumerOf>>, queue: string): Promise<Delivery> {
  await open.adapter.send(queue, [message()])
  return takeOne(consumer)
}

test('an emptied script cache harms nothing, in the middle of a move neither', async () => {
  const [queue, dead] = [await freshQueue(open.adapter), await freshQueue(open.adapter)]
  const consumer = await consumerOf(open.adapter, queue)
  for (let round = 0; round < 3; round += 1) {
    const first = await takeAfterSend(consumer, queue)
    const second = await takeAfterSend(consumer, queue)
    await admin.script('FLUSH')
    const moved = { kind: 'move', delivery: first, to: dead, message: message() } as const
    expect(await consumer.settle([moved])).toEqual(['settled'])
    await admin.script('FLUSH')
    expect(await consumer.settle([{ kind: 'complete', delivery: second }])).toEqual(['settled'])
    expect([await counts(queue), await counts(dead)]).toEqual([
      [0, 0, 0],
      [round + 1, 0, 0],
    ])
  }
  await admin.script('FLUSH')
  const several = [message(), message({ delayMs: 60_000 }), message()]
  expect(await open.adapter.send(queue, several)).toEqual(['accepted', 'accepted', 'accepted'])
  expect(await counts(queue)).toEqual([2, 0, 1])
})

test('a replica is `read-only`, and not applied; when it is promoted all goes on', async () => {
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  const delivery = await takeAfterSend(consumer, queue)
  await admin.replicaof('127.0.0.1', 1)
  try {
    expect(await open.adapter.send(queue, [message()])).toMatchObject([{ code: 'read-only', maybeApplied: false }])
    const answer = await consumer.settle([{ kind: 'complete', delivery }])
    expect(answer).toMatchObject([{ code: 'read-only', maybeApplied: false }])
  } finally {
    await admin.replicaof('NO', 'ONE')
  }
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['settled'])
})

test('many moves out of one lane settle together, stale ones beside live ones', async () => {
  const [queue, dead] = [await freshQueue(open.adapter, { leaseMs: 30_000 }), await freshQueue(open.adapter)]
  await open.adapter.send(
    queue,
    Array.from({ length: 20 }, () => message()),
  )
  const consumer = await consumerOf(open.adapter, queue)
  const all = await consumer.receive(20, AbortSignal.timeout(15_000))
  const gone = all.filter((_, index) => index % 4 === 0)
  await consumer.settle(gone.map((delivery) => ({ kind: 'complete', delivery })))
  const renewing = consumer.extend(all.filter((delivery) => !gone.includes(delivery)))
  const answers = await consumer.settle(
    all.map((delivery) => ({ kind: 'move', delivery, to: dead, message: message() })),
  )
  await renewing
  expect(answers).toEqual(all.map((delivery) => (gone.includes(delivery) ? 'lost' : 'settled')))
  expect([await counts(queue), await counts(dead)]).toEqual([
    [0, 0, 0],
    [15, 0, 0],
  ])
})

test('a move of a message onto itself replaces it', async () => {
  const queue = await freshQueue(open.adapter, { dedupeMs: 60_000 })
  const consumer = await consumerOf(open.adapter, queue)
  const delivery = await takeAfterSend(consumer, queue)
  const same = message({ id: delivery.message.id, body: '"new"' })
  expect(await consumer.settle([{ kind: 'move', delivery, to: queue, message: same }])).toEqual(['settled'])
  expect((await takeOne(consumer)).message).toEqual({ id: delivery.message.id, body: '"new"' })
})

test('a dedupe window ends by the clock, also when nothing else was completed since', async () => {
  const queue = await freshQueue(open.adapter, { dedupeMs: 1_000 })
  const consumer = await consumerOf(open.adapter, queue)
  const one = message()
  await open.adapter.send(queue, [one])
  await consumer.settle([{ kind: 'complete', delivery: await takeOne(consumer) }])
  const from = performance.now()
  expect(await open.adapter.send(queue, [one])).toEqual(['duplicate'])
  let answer: unknown = 'duplicate'
  while (answer === 'duplicate' && performance.now() - from < 10_000) {
    await systemClock.sleep(50)
    ;[answer] = await open.adapter.send(queue, [one])
  }
  expect(answer).toBe('accepted')
  expect(performance.now() - from).toBeGreaterThan(900)
  expect((await takeOne(consumer)).message.id).toBe(one.id)
})

test('what close gives back keeps its place and its order', async () => {
  const queue = await freshQueue(open.adapter)
  const sent = Array.from({ length: 6 }, () => message())
  await open.adapter.send(queue, sent)
  const consumer = await consumerOf(open.adapter, queue)
  await consumer.receive(4, AbortSignal.timeout(15_000))
  await consumer.close()
  const next = await consumerOf(open.adapter, queue)
  const all = await next.receive(6, AbortSignal.timeout(15_000))
  expect(all.map((delivery) => delivery.message.id)).toEqual(sent.map(({ id }) => id))
})

test('of a lapsed lease the consumer is told once', async () => {
  const queue = await freshQueue(open.adapter, { leaseMs: 300 })
  const lost: string[] = []
  const tell = Promise.withResolvers<void>()
  const consumer = await consumerOf(open.adapter, queue, {
    leaseMs: 300,
    lost: (deliveries) => {
      lost.push(...deliveries.map((delivery) => delivery.message.id))
      tell.resolve()
    },
  })
  const delivery = await takeAfterSend(consumer, queue)
  await tell.promise
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['lost'])
  const again = await takeOne(consumer)
  expect([again.message.id, again.lapses]).toEqual([delivery.message.id, 1])
  await consumer.settle([{ kind: 'complete', delivery: again }])
  expect(lost).toEqual([delivery.message.id])
})

test('a queue, its lanes and its dead queue share one hash tag, and nothing else does', async () => {
  const queue = await freshQueue(open.adapter)
  for (const name of [`${queue}.high`, `${queue}.dead`]) {
    await open.adapter.declare({ name, leaseMs: 30_000, ordered: false, dedupeMs: 0 })
    await open.adapter.send(name, [message()])
  }
  const keys = await admin.keys(`*${queue}*`)
  expect(keys.length).toBeGreaterThan(6)
  expect(new Set(keys.map((key) => key.split(':').slice(0, 2).join(':')))).toEqual(new Set([`{sy:${queue}}`]))
  expect(await counts(`${queue}.dead`)).toEqual([1, 0, 0])
  expect(await counts(queue)).toEqual([0, 0, 0])
})

test('a purge that runs while others send leaves no paused queue behind', async () => {
  const queue = await freshQueue(open.adapter)
  await open.adapter.send(
    queue,
    Array.from({ length: 2_500 }, () => message()),
  )
  await Promise.all([open.adapter.purge(queue), open.adapter.purge(queue)])
  expect(await counts(queue)).toEqual([0, 0, 0])
  expect(await admin.hexists(`{sy:${queue}}:${queue}:meta`, 'paused')).toBe(0)
  await takeAfterSend(await consumerOf(open.adapter, queue), queue)
})

test('unique keys that UTF-8 cannot hold stay apart', async () => {
  const queue = await freshQueue(open.adapter)
  const send = async (key: string) =>
    (await open.adapter.send(queue, [message({ unique: { key, while: 'active' } })]))[0]
  for (const key of ['\ud800', '\udfff', '', ' ', '{x}:y\u0000z', 'x'.repeat(5_000), `${'x'.repeat(5_000)}y`]) {
    expect([key.slice(0, 9), await send(key), await send(key)]).toEqual([key.slice(0, 9), 'accepted', 'duplicate'])
  }
})

test('settings of the server that lose jobs are told and declared', async () => {
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
  await using evicting = await openRedis({ url: broker.url })
  await admin.config('SET', 'maxmemory-policy', 'noeviction', 'appendonly', 'no')
  await using forgetful = await openRedis({ url: broker.url })
  await admin.config('SET', 'appendonly', 'yes', 'appendfsync', 'always')
  await using careful = await openRedis({ url: broker.url })
  await admin.config('SET', 'appendfsync', 'everysec')
  expect(evicting.adapter.capabilities.survives.value).toBe('nothing')
  expect(String(evicting.faults[0])).toContain('maxmemory-policy is allkeys-lru')
  expect(forgetful.adapter.capabilities.survives.value).toBe('process')
  expect(String(forgetful.faults[0])).toContain('Set appendonly yes')
  expect([careful.adapter.capabilities.survives.value, careful.faults.length]).toEqual(['power-loss', 0])
  expect([open.adapter.capabilities.survives.value, open.faults.length]).toEqual(['broker-kill', 0])
})
