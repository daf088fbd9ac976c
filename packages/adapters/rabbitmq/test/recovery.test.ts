import { brokerOrSkip } from '@switchyard/brokers'
import { type FaultProxy, startProxy, upstreamOf } from '@switchyard/brokers/proxy'
import { type Adapter, BrokerError, type Delivery, systemClock } from '@switchyard/core/adapter'
import { rabbitmq } from '@switchyard/rabbitmq'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bed, eventually, hostOf, letter, letters, take } from './bed.ts'

const { broker, skip } = await brokerOrSkip('rabbitmq')
/** Design 4: a job flows within 15 s of the broker answering again. */
const BOUND_MS = 15_000

describe.skipIf(skip !== undefined)(`rabbitmq through outages${skip === undefined ? '' : ` (${skip})`}`, () => {
  if (broker === undefined) return
  let bed: Bed
  let proxy: FaultProxy
  beforeAll(async () => {
    bed = new Bed(broker)
    proxy = await startProxy({ upstream: upstreamOf(broker.url) })
  })
  afterAll(async () => {
    await bed[Symbol.asyncDispose]()
    await proxy.close()
    await broker.stop()
  })

  const proxied = () => bed.queue({ url: proxy.proxied(broker.url) })

  async function sendUntilAccepted(adapter: Adapter, queue: string): Promise<string> {
    const one = letter()
    await eventually(async () => (await adapter.send(queue, [one]))[0] === 'accepted', 'send', 30_000)
    return one.id
  }

  /** Holds one job, hurts, heals, and sees how long the first job takes. */
  async function outage(hurt: () => Promise<void>, heal: () => Promise<void>): Promise<number> {
    const { adapter, queue } = await proxied()
    await adapter.send(queue, letters(3))
    const told: Delivery[] = []
    const lost = (some: readonly Delivery[]) => void told.push(...some)
    const consumer = await adapter.consume(queue, { leaseMs: 30_000, prefetch: 0, lost })
    const [held] = await take(consumer, 1)
    await hurt()
    const waiting = take(consumer, 3, 60_000)
    await heal()
    const healed = systemClock.now()
    const [fresh, got] = await Promise.all([sendUntilAccepted(adapter, queue), waiting])
    const tookMs = systemClock.now() - healed
    expect(got).toHaveLength(3)
    const rest = await take(consumer, 1, 30_000)
    const ids = [...got, ...rest].map(({ message }) => message.id)
    expect(ids).toContain(fresh)
    if (held === undefined) throw new Error('nothing was held')
    // Either the lease outlived the outage, or its end was told once, and the receipt is worth nothing.
    expect(told.includes(held)).toBe(ids.includes(held.message.id))
    expect(await consumer.settle([{ kind: 'complete', delivery: held }])).toEqual([
      told.includes(held) ? 'lost' : 'settled',
    ])
    return tookMs
  }

  test('half-open for 13 s: noticed by the pulse, and jobs flow in time', async () => {
    const tookMs = await outage(
      async () => {
        proxy.halfOpen('both')
        await systemClock.sleep(13_000)
      },
      () => proxy.restore(),
    )
    expect(tookMs).toBeLessThan(BOUND_MS)
  })

  test('connecting is refused for 5 s after a cut: tried again until it works', async () => {
    const tookMs = await outage(
      async () => {
        await proxy.refuse()
        proxy.cut({ how: 'fin' })
        await systemClock.sleep(5_000)
      },
      () => proxy.restore(),
    )
    expect(tookMs).toBeLessThan(BOUND_MS)
  })

  test.skipIf(!broker.controllable)('a server frozen for 20 s', async () => {
    const tookMs = await outage(
      async () => {
        await broker.pause()
        await systemClock.sleep(20_000)
      },
      () => broker.resume(),
    )
    expect(tookMs).toBeLessThan(BOUND_MS)
  })

  test('a cut under 300 publishes: every answer is typed, nothing accepted is lost, unknown is said', async () => {
    const { adapter, queue } = await proxied()
    await adapter.send(queue, [letter()])
    const sent = letters(300)
    proxy.cutAfter(20_000, 'client->server')
    const answers = await adapter.send(queue, sent)
    const accepted = sent.filter((_, at) => answers[at] === 'accepted').map(({ id }) => id)
    const failed = answers.filter((one) => one instanceof BrokerError)
    expect(accepted.length + failed.length).toBe(300)
    expect(failed.length).toBeGreaterThan(0)
    expect(failed.filter(({ code, retryable }) => code !== 'unavailable' || !retryable)).toEqual([])
    expect(failed.some(({ maybeApplied }) => maybeApplied)).toBe(true)
    const last = await sendUntilAccepted(adapter, queue)
    const consumer = await bed.consume(adapter, queue)
    const seen = new Set<string>()
    while (!seen.has(last)) for (const { message } of await take(consumer, 1)) seen.add(message.id)
    expect(accepted.filter((id) => !seen.has(id))).toEqual([])
  })

  test('nobody answers: the first connect ends typed within its deadline, and later calls within theirs', async () => {
    await proxy.hang()
    const before = systemClock.now()
    const refusal = await rabbitmq({ url: proxy.proxied(broker.url) })(hostOf([], { connectDeadlineMs: 2_000 })).catch(
      (error: unknown) => error,
    )
    expect(refusal).toMatchObject({ code: 'unavailable', retryable: true })
    expect(systemClock.now() - before).toBeLessThan(4_000)
    await proxy.restore()
    const url = proxy.proxied(broker.url)
    const adapter = await bed.open({ url }, { callDeadlineMs: 1_500, connectDeadlineMs: 3_000 })
    const { queue } = await bed.queue()
    await adapter.send(queue, letters(2))
    const consumer = await bed.consume(adapter, queue)
    const [one, two] = await take(consumer, 2)
    if (one === undefined || two === undefined) throw new Error('nothing came')
    proxy.halfOpen('both')
    const calls = [
      adapter.send(queue, [letter()]).then(([answer]) => answer),
      adapter.stats(queue).catch((error: unknown) => error),
      consumer.settle([{ kind: 'complete', delivery: one }]).then(([answer]) => answer),
      consumer.settle([{ kind: 'retry', delivery: two, delayMs: 0 }]).then(([answer]) => answer),
    ]
    for (const answer of await Promise.all(calls)) expect(answer).toBeInstanceOf(BrokerError)
    expect((await calls[0]) as BrokerError).toMatchObject({ code: 'timeout', maybeApplied: true })
    await proxy.restore()
    proxy.cut({ how: 'rst' })
  })
})
