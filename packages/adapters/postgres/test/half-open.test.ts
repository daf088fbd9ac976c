import { type RunningBroker, startBroker } from '@switchyard/brokers'
import { type FaultProxy, startProxy, upstreamOf } from '@switchyard/brokers/proxy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consumerOf, freshQueue, message, type Open, openPostgres, takeOne } from './fixture.ts'

let broker: RunningBroker
let proxy: FaultProxy
let direct: Open

beforeAll(async () => {
  broker = await startBroker('postgres')
  proxy = await startProxy({ upstream: upstreamOf(broker.url) })
  direct = await openPostgres({ url: broker.url })
})

afterAll(async () => {
  await direct[Symbol.asyncDispose]()
  await proxy.close()
  await broker.stop()
})

test('a reply that was lost leaves the send open, and the same id sent again doubles nothing', async () => {
  await using open = await openPostgres({ url: proxy.proxied(broker.url), monitorIntervalMs: 60_000 })
  const queue = await freshQueue(open.adapter)
  await open.adapter.send(queue, [message()]) // the connection that the next one uses
  const one = message()
  const before = proxy.connections
  proxy.cutAfter(0, 'server->client', { only: (connection) => before.includes(connection) })
  const [answer] = await open.adapter.send(queue, [one]).catch((error: unknown) => [error])
  expect(answer).toMatchObject({ code: 'unavailable', maybeApplied: true, retryable: true })
  expect(['accepted', 'duplicate']).toContain((await open.adapter.send(queue, [one]))[0])
  expect((await direct.adapter.stats(queue)).ready?.value).toBe(2)
})

test('a settlement whose reply was lost is unknown, and settling again changes nothing more', async () => {
  await using open = await openPostgres({ url: proxy.proxied(broker.url), monitorIntervalMs: 60_000 })
  const queue = await freshQueue(open.adapter)
  await open.adapter.send(queue, [message()])
  const consumer = await consumerOf(open.adapter, queue)
  const delivery = await takeOne(consumer)
  const before = proxy.connections
  proxy.cutAfter(0, 'server->client', { only: (connection) => before.includes(connection) })
  const [answer] = await consumer.settle([{ kind: 'retry', delivery, delayMs: 60_000, note: '"once"' }])
  expect(answer).toMatchObject({ code: 'unavailable', maybeApplied: true })
  const [again] = await consumer.settle([{ kind: 'retry', delivery, delayMs: 60_000, note: '"once"' }])
  expect(['settled', 'lost']).toContain(again)
  const { ready, delayed, leased } = await direct.adapter.stats(queue)
  expect([ready?.value, delayed?.value, leased?.value]).toEqual([0, 1, 0])
})

test('connections that died without a word hold an idle consumer back for less than 15 s', async () => {
  await using open = await openPostgres({ url: proxy.proxied(broker.url) })
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  const receiving = takeOne(consumer)
  await open.adapter.stats(queue)
  const dead = [...proxy.connections]
  proxy.halfOpen('both', { only: (connection) => dead.includes(connection) })
  const startedAt = performance.now()
  const one = message()
  expect(await direct.adapter.send(queue, [one])).toEqual(['accepted'])
  expect((await receiving).message.id).toBe(one.id)
  expect(performance.now() - startedAt).toBeLessThan(15_000)
  proxy.cut({ how: 'rst' })
  await proxy.restore()
})
