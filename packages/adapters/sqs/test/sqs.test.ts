import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs'
import { type RunningBroker, startBroker } from '@switchyard/brokers'
import { type Delivery, systemClock } from '@switchyard/core/adapter'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consumerOf, foreigner, freshQueue, letter, type Open, openSqs, takeOne } from './bed.ts'

let broker: RunningBroker
let open: Open
let other: ReturnType<typeof foreigner>

beforeAll(async () => {
  broker = await startBroker('sqs')
  open = await openSqs(broker.url)
  other = foreigner(broker)
})

afterAll(async () => {
  other.client.destroy()
  await open[Symbol.asyncDispose]()
  await broker.stop()
})

test('a queue is created with the longest retention, the largest messages and the lease as visibility', async () => {
  const queue = await freshQueue(open.adapter, 45_500)
  const { Attributes } = await other.client.send(
    new GetQueueAttributesCommand({ QueueUrl: other.urlOf(queue), AttributeNames: ['All'] }),
  )
  expect(Attributes).toMatchObject({
    MessageRetentionPeriod: '1209600',
    MaximumMessageSize: '1048576',
    VisibilityTimeout: '46',
  })
})

test('a queue that exists with a shorter retention or a redrive policy is refused by name of the property', async () => {
  const name = `t-${crypto.randomUUID()}`
  await other.client.send(new CreateQueueCommand({ QueueName: name, Attributes: { MessageRetentionPeriod: '345600' } }))
  const spec = { name, leaseMs: 30_000, ordered: false, dedupeMs: 0 }
  await expect(open.adapter.declare(spec)).rejects.toMatchObject({
    code: 'exists',
    message: expect.stringMatching(/MessageRetentionPeriod is 345600, needed 1209600.*prefix/s),
  })
  await other.client.send(
    new SetQueueAttributesCommand({ QueueUrl: other.urlOf(name), Attributes: { MessageRetentionPeriod: '1209600' } }),
  )
  await open.adapter.declare(spec)
})

test('lanes, dead queues and a prefix map to names that SQS takes; one that is too long is refused', async () => {
  await using prefixed = await openSqs(`${broker.url}&prefix=staging-`)
  const name = `t-${crypto.randomUUID()}`
  await prefixed.adapter.declare({ name: `${name}.dead`, leaseMs: 30_000, ordered: false, dedupeMs: 0 })
  const QueueUrl = other.urlOf(`staging-${name}_dead`)
  await other.client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }))
  const long = { name: `${'q'.repeat(60)}.critical`, leaseMs: 30_000, ordered: false, dedupeMs: 0 }
  await using far = await openSqs(`${broker.url}&prefix=${'p'.repeat(20)}`)
  await expect(far.adapter.declare(long)).rejects.toMatchObject({ code: 'invalid', message: /80 at most/ })
})

test('what SQS refuses or would change is refused alone, before it is sent', async () => {
  const queue = await freshQueue(open.adapter)
  const bodies = ['"fine"', '"\0"', '"\u{1f68b} \u00e9 \u2028"', '"\ud800"', '"\uffff"', '']
  const answers = await open.adapter.send(
    queue,
    bodies.map((body) => letter({ body })),
  )
  const invalid = { code: 'invalid', maybeApplied: false }
  expect(answers).toMatchObject(['accepted', invalid, 'accepted', invalid, invalid, invalid])
  const consumer = await consumerOf(open.adapter, queue)
  const seen = [(await takeOne(consumer)).message.body, (await takeOne(consumer)).message.body]
  expect(seen.sort()).toEqual(['"fine"', '"\u{1f68b} \u00e9 \u2028"'])
  await consumer.close()
})

test('a batch is split by ten and by its bytes, and one entry that the server refuses fails alone', async () => {
  const queue = await freshQueue(open.adapter)
  const large = Array.from({ length: 12 }, () => letter({ body: `"${'ü'.repeat(150_000)}"` }))
  const small = Array.from({ length: 25 }, () => letter())
  const sent = await open.adapter.send(queue, [...large, ...small])
  expect(sent).toEqual(sent.map(() => 'accepted'))
  expect(await open.adapter.stats(queue)).toMatchObject({ ready: { value: 37, exact: false }, oldestReadyMs: null })
  await other.client.send(
    new SetQueueAttributesCommand({ QueueUrl: other.urlOf(queue), Attributes: { MaximumMessageSize: '1024' } }),
  )
  const answers = await open.adapter.send(queue, [letter(), letter({ body: `"${'x'.repeat(2_000)}"` }), letter()])
  expect(answers).toMatchObject(['accepted', { code: 'too-large', maybeApplied: false }, 'accepted'])
  const beyond = letter({ body: `"${'x'.repeat(1_048_576 - 8_192)}"` })
  expect(await open.adapter.send(queue, [beyond])).toMatchObject([{ code: 'too-large', maybeApplied: false }])
})

test('demand beyond ten is met by polls side by side, and everything is deleted in one settle', async () => {
  const queue = await freshQueue(open.adapter)
  const sent = Array.from({ length: 64 }, () => letter())
  await open.adapter.send(queue, sent)
  const consumer = await consumerOf(open.adapter, queue)
  const got: Delivery[] = []
  let most = 0
  while (got.length < 64) {
    const some = await consumer.receive(64 - got.length, AbortSignal.timeout(20_000))
    most = Math.max(most, some.length)
    got.push(...some)
  }
  expect(most).toBeGreaterThan(10)
  expect(new Set(got.map(({ message }) => message.id))).toEqual(new Set(sent.map(({ id }) => id)))
  const answers = await consumer.settle(got.map((delivery) => ({ kind: 'complete', delivery })))
  expect(answers).toEqual(got.map(() => 'settled'))
  expect(await open.adapter.stats(queue)).toMatchObject({ ready: { value: 0 }, leased: { value: 0 } })
})

test('an aborted receive hides nothing: what its poll leases is there for the next one, as a first delivery', async () => {
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  const abort = new AbortController()
  const idle = consumer.receive(1, abort.signal)
  abort.abort()
  expect(await idle).toEqual([])
  await open.adapter.send(queue, [letter()])
  const startedAt = systemClock.now()
  expect((await takeOne(consumer)).lapses).toBe(0)
  expect(systemClock.now() - startedAt).toBeLessThan(5_000) // far below the lease of 30 s
})

test('what a parked poll brought and nobody received goes to somebody else', async () => {
  const queue = await freshQueue(open.adapter)
  const hoarder = await consumerOf(open.adapter, queue, { leaseMs: 4_000 })
  const abort = new AbortController()
  const idle = hoarder.receive(1, abort.signal)
  abort.abort()
  await idle
  await open.adapter.send(queue, [letter()]) // goes to the parked poll
  const counts = async () => (await open.adapter.stats(queue)).leased?.value
  while ((await counts()) !== 1) await systemClock.sleep(20)
  const startedAt = systemClock.now()
  const taker = await consumerOf(open.adapter, queue)
  await takeOne(taker)
  expect(systemClock.now() - startedAt).toBeLessThan(4_000)
  await hoarder.close()
})

test('a receipt past its deadline answers `lost` without asking the server, and is told once', async () => {
  const queue = await freshQueue(open.adapter, 1_000)
  const told: Delivery[] = []
  const gate = Promise.withResolvers<void>()
  const lost = (some: readonly Delivery[]) => {
    told.push(...some)
    gate.resolve()
  }
  const consumer = await consumerOf(open.adapter, queue, { leaseMs: 1_000, lost })
  await open.adapter.send(queue, [letter()])
  const delivery = await takeOne(consumer)
  await gate.promise
  await broker.pause() // a request would wait for its deadline
  const startedAt = systemClock.now()
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['lost'])
  expect(await consumer.settle([{ kind: 'retry', delivery, delayMs: 0, note: '{}' }])).toEqual(['lost'])
  expect(await consumer.extend([delivery])).toEqual(['lost'])
  expect(systemClock.now() - startedAt).toBeLessThan(500)
  await broker.resume()
  expect(told).toEqual([delivery])
})

test('a lease that is extended outlives the visibility that it began with', async () => {
  const queue = await freshQueue(open.adapter, 1_000)
  const consumer = await consumerOf(open.adapter, queue, { leaseMs: 1_000 })
  await open.adapter.send(queue, [letter()])
  const delivery = await takeOne(consumer)
  for (let round = 0; round < 12; round += 1) {
    expect(await consumer.extend([delivery])).toEqual(['settled'])
    await systemClock.sleep(300) // the lease itself: 3.6 s, beyond the first visibility of 2 s
  }
  const rival = await consumerOf(open.adapter, queue)
  expect(await rival.receive(1, AbortSignal.timeout(300))).toEqual([])
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['settled'])
  await rival.close()
})

test('releases in place count at most two lapses, then a copy starts anew with the same note', async () => {
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  await open.adapter.send(queue, [letter()])
  let delivery = await takeOne(consumer)
  await consumer.settle([{ kind: 'retry', delivery, delayMs: 0, note: '{"attempt":2}' }])
  const seen: (number | null)[] = []
  const ids = new Set<string>()
  for (let round = 0; round < 7; round += 1) {
    delivery = await takeOne(consumer)
    seen.push(delivery.lapses)
    ids.add(delivery.message.id)
    expect(delivery.note).toBe('{"attempt":2}')
    expect(await consumer.settle([{ kind: 'release', delivery, delayMs: 0 }])).toEqual(['settled'])
  }
  expect(seen).toEqual([0, 1, 2, 0, 1, 2, 0])
  expect(ids.size).toBe(3)
})

test('a message near the end of its retention goes back as a copy, whose retention starts anew', async () => {
  const days = 13.5 * 86_400_000
  const later = { ...systemClock, now: () => systemClock.now() + days }
  await using future = await openSqs(broker.url, { clock: later })
  const queue = await freshQueue(future.adapter)
  const consumer = await consumerOf(future.adapter, queue)
  await future.adapter.send(queue, [letter()])
  const old = await takeOne(consumer)
  expect(await consumer.settle([{ kind: 'release', delivery: old, delayMs: 0 }])).toEqual(['settled'])
  const back = await takeOne(consumer)
  expect(back.lapses).toBe(0)
  expect(back.message.id).not.toBe(old.message.id)
})

test('a copy that comes before its time waits out the rest, whoever receives it', async () => {
  const queue = await freshQueue(open.adapter)
  const dueAt = systemClock.now() + 3_000
  const attribute = (StringValue: string) => ({ DataType: 'String', StringValue })
  await other.client.send(
    new SendMessageCommand({
      QueueUrl: other.urlOf(queue),
      MessageBody: '"late"',
      MessageAttributes: { 'switchyard.id': attribute('x'), 'switchyard.due': attribute(String(dueAt)) },
    }),
  )
  const consumer = await consumerOf(open.adapter, queue)
  const delivery = await takeOne(consumer)
  expect(systemClock.now()).toBeGreaterThanOrEqual(dueAt)
  expect(delivery.message).toEqual({ id: 'x', body: '"late"' })
})

test('delays beyond 15 minutes are taken on release, with and without a note, and refused on send', async () => {
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  await open.adapter.send(queue, [letter(), letter()])
  const [one, two] = [await takeOne(consumer), await takeOne(consumer)]
  const answers = await consumer.settle([
    { kind: 'release', delivery: one, delayMs: 11 * 3_600_000 },
    { kind: 'retry', delivery: two, delayMs: 43_200_000, note: '{"attempt":2}' },
  ])
  expect(answers).toEqual(['settled', 'settled'])
  expect(await open.adapter.stats(queue)).toMatchObject({
    ready: { value: 0 },
    leased: { value: 1 },
    delayed: { value: 1 },
  })
  const refused = await open.adapter.send(queue, [letter({ delayMs: 900_001 })])
  expect(refused).toMatchObject([{ code: 'unsupported' }])
})

test('a message of another program is handed over as it is', async () => {
  const queue = await freshQueue(open.adapter)
  const sent = await other.client.send(
    new SendMessageCommand({ QueueUrl: other.urlOf(queue), MessageBody: 'not even JSON' }),
  )
  const delivery = await takeOne(await consumerOf(open.adapter, queue))
  expect(delivery).toMatchObject({ message: { id: sent.MessageId, body: 'not even JSON' }, note: null, lapses: 0 })
})

test('a queue that was deleted is `not-found` for senders and ends a waiting receive', async () => {
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  const waiting = consumer.receive(1, AbortSignal.timeout(20_000)).catch((error: unknown) => error)
  await other.client.send(new DeleteQueueCommand({ QueueUrl: other.urlOf(queue) }))
  const answer = await open.adapter.send(queue, [letter()]).catch((error: unknown) => [error])
  expect(answer).toMatchObject([{ code: 'not-found', maybeApplied: false }])
  expect(await waiting).toMatchObject({ code: 'not-found' })
  await expect(open.adapter.send(queue, [letter()])).rejects.toMatchObject({ code: 'not-found' })
})

test('an exclusive consumer, a lease below one second and a note that SQS cannot carry are refused', async () => {
  const queue = await freshQueue(open.adapter)
  await expect(consumerOf(open.adapter, queue, { exclusive: true })).rejects.toMatchObject({ code: 'unsupported' })
  await expect(consumerOf(open.adapter, queue, { leaseMs: 500 })).rejects.toMatchObject({ code: 'invalid' })
  const consumer = await consumerOf(open.adapter, queue)
  await open.adapter.send(queue, [letter()])
  const delivery = await takeOne(consumer)
  const answers = []
  for (const note of ['"\0"', `"${'x'.repeat(4_096)}"`])
    answers.push(...(await consumer.settle([{ kind: 'retry', delivery, delayMs: 0, note }])))
  expect(answers).toMatchObject([{ code: 'invalid' }, { code: 'too-large' }])
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['settled'])
})
