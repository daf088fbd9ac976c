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

/** Every open connection loses its next reply. One that is opened afterwards does not: hence the tries. */
function loseReplies(): void {
  for (const one of proxy.connections) proxy.cutAfter(0, 'server->client', { only: (connection) => connection === one })
}

const TRIES = 20

test('a reply that was lost leaves the send open, and the same id sent again doubles nothing', async () => {
  await using open = await openPostgres({ url: proxy.proxied(broker.url), monitorIntervalMs: 60_000 })
  const queue = await freshQueue(open.adapter)
  let sent = 0
  let answer: unknown = 'accepted'
  while (answer === 'accepted' && sent < TRIES) {
    const one = message()
    loseReplies()
    answer = (await open.adapter.send(queue, [one]).catch((error: unknown) => [error]))[0]
    sent += 1
    if (answer !== 'accepted') expect((await direct.adapter.send(queue, [one]))[0]).toMatch(/accepted|duplicate/)
  }
  expect(answer).toMatchObject({ code: 'unavailable', maybeApplied: true, retryable: true })
  expect((await direct.adapter.stats(queue)).ready?.value).toBe(sent)
})

test('a settlement whose reply was lost is unknown, and settling again changes nothing more', async () => {
  await using open = await openPostgres({ url: proxy.proxied(broker.url), monitorIntervalMs: 60_000 })
  const queue = await freshQueue(open.adapter)
  await direct.adapter.send(
    queue,
    Array.from({ length: TRIES }, () => message()),
  )
  const consumer = await consumerOf(open.adapter, queue)
  const held = await consumer.receive(TRIES, AbortSignal.timeout(15_000))
  const settle = async (delivery: (typeof held)[number]) =>
    (await consumer.settle([{ kind: 'retry', delivery, delayMs: 60_000, note: '"once"' }]))[0]
  let settled = 0
  let answer: unknown = 'settled'
  for (const delivery of held) {
    loseReplies()
    answer = await settle(delivery)
    settled += 1
    if (answer === 'settled') continue
    let again = await settle(delivery)
    while (typeof again !== 'string') again = await settle(delivery) // another connection that was to lose a reply
    expect(again).toMatch(/settled|lost/)
    break
  }
  expect(answer).toMatchObject({ code: 'unavailable', maybeApplied: true })
  const { ready, delayed, leased } = await direct.adapter.stats(queue)
  expect([ready?.value, delayed?.value, leased?.value]).toEqual([0, settled, TRIES - settled])
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
