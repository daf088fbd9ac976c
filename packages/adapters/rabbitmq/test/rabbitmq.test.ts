import { brokerOrSkip } from '@switchyard/brokers'
import { BrokerError, type Delivery } from '@switchyard/core/adapter'
import { rabbitmq } from '@switchyard/rabbitmq'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asForeigner, Bed, declare, freshName, hostOf, letter, letters, take } from './bed.ts'

const { broker, skip } = await brokerOrSkip('rabbitmq')

describe.skipIf(skip !== undefined)(`rabbitmq on a healthy server${skip === undefined ? '' : ` (${skip})`}`, () => {
  if (broker === undefined) return
  let bed: Bed
  beforeAll(() => {
    bed = new Bed(broker)
  })
  afterAll(async () => {
    await bed[Symbol.asyncDispose]()
    await broker.stop()
  })

  test('a message to a missing queue is not-found and its neighbours arrive, now and delayed', async () => {
    const { adapter, queue } = await bed.queue()
    const missing = freshName()
    const both = await Promise.all([
      adapter.send(missing, letters(3)),
      adapter.send(queue, letters(3)),
      adapter.send(missing, [letter({ delayMs: 50 })]),
    ])
    expect(both[0].map((one) => (one as BrokerError).code)).toEqual(['not-found', 'not-found', 'not-found'])
    expect(both[1]).toEqual(['accepted', 'accepted', 'accepted'])
    expect(both[2]).toEqual([expect.objectContaining({ code: 'not-found', queue: missing })])
    expect(await adapter.send(queue, [letter()])).toEqual(['accepted'])
  })

  test('consume, stats and purge of a missing queue are not-found and leave the connection alone', async () => {
    const { adapter, queue } = await bed.queue()
    const missing = freshName()
    for (const call of [bed.consume(adapter, missing), adapter.stats(missing), adapter.purge(missing)])
      await expect(call).rejects.toMatchObject({ code: 'not-found', queue: missing, maybeApplied: false })
    await adapter.send(queue, letters(4))
    expect((await adapter.stats(queue)).ready).toMatchObject({ value: 4, exact: true })
    const consumer = await bed.consume(adapter, queue)
    expect(await take(consumer, 1)).toHaveLength(1)
    await adapter.purge(queue)
    expect((await adapter.stats(queue)).ready).toMatchObject({ value: 0 })
  })

  test('a queue of another kind is refused as exists, and says what to do', async () => {
    const adapter = await bed.open()
    const name = freshName()
    await asForeigner(broker.url, (channel) => channel.assertQueue(name, { durable: true }))
    const refusal = await declare(adapter, name).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'exists', queue: name })
    expect((refusal as Error).message).toMatch(/prefix/)
  })

  test('a deleted queue ends a waiting receive with not-found', async () => {
    const { adapter, queue } = await bed.queue()
    const consumer = await bed.consume(adapter, queue)
    const waiting = consumer.receive(1, AbortSignal.timeout(20_000))
    await asForeigner(broker.url, (channel) => channel.deleteQueue(queue))
    await expect(waiting).rejects.toMatchObject({ code: 'not-found' })
  })

  test('a channel that the server closes (406) tells its leases lost, and the consumer goes on', async () => {
    const { adapter, queue } = await bed.queue()
    await adapter.send(queue, letters(2))
    const consumer = await bed.consume(adapter, queue)
    const [one] = await take(consumer, 1)
    if (one === undefined) throw new Error('nothing came')
    // What no caller can do: acknowledge a tag twice, on the channel itself.
    const { channel, native } = one.receipt as {
      channel: { acknowledge(lease: unknown): boolean }
      native: { fields: { deliveryTag: number } }
    }
    channel.acknowledge({
      native: { fields: { ...native.fields, deliveryTag: 4_711 } },
      state: 'open',
      source: { held: 0 },
    })
    const again = await take(consumer, 2)
    expect(again).toHaveLength(2)
    expect(again.map(({ lapses }) => lapses)).toContain(1)
    expect(bed.lost).toEqual([one])
    expect(await consumer.settle([{ kind: 'complete', delivery: one }])).toEqual(['lost'])
    expect(await consumer.extend([one])).toEqual(['lost'])
    expect(await consumer.settle(again.map((delivery) => ({ kind: 'complete', delivery })))).toEqual([
      'settled',
      'settled',
    ])
  })

  test('messages of other programs arrive whatever they hold, with an id that stays', async () => {
    const { adapter, queue } = await bed.queue()
    await asForeigner(broker.url, async (channel) => {
      channel.sendToQueue(queue, Buffer.from([0xff, 0xfe, 0x00, 0x22]))
      channel.sendToQueue(queue, Buffer.alloc(0), {
        messageId: 'not-a-uuid',
        headers: { 'switchyard-note': 7, 'switchyard-lapses': 'x' },
      })
      channel.sendToQueue(queue, Buffer.from('{}'), {
        headers: { 'switchyard-lapses': -5, 'x-delivery-count': 'a', 'x-death': 'b', nested: { a: [1, null] } },
      })
    })
    const consumer = await bed.consume(adapter, queue)
    const three = await take(consumer, 3)
    expect(three.map(({ note, lapses }) => [note, lapses])).toEqual([
      [null, 0],
      [null, 0],
      [null, 0],
    ])
    expect(
      await consumer.settle(three.map((delivery) => ({ kind: 'retry', delivery, delayMs: 20, note: '{"a":1}' }))),
    ).toEqual(['settled', 'settled', 'settled'])
    const again = await take(consumer, 3)
    expect(again.map(({ note }) => note)).toEqual(['{"a":1}', '{"a":1}', '{"a":1}'])
    expect(new Set(again.map(({ message }) => message.body))).toEqual(new Set(three.map(({ message }) => message.body)))
    expect(new Set(again.map(({ message }) => message.id)).size).toBe(3)
    await consumer.settle(again.map((delivery) => ({ kind: 'complete', delivery })))
  })

  test('no job name and no body keeps a message from being stored or refused in words', async () => {
    const { adapter, queue } = await bed.queue()
    const names = ['', 'x'.repeat(300), `${'a'.repeat(251)}\u{1f68b}\u{1f68b}`, 'a\u0000b', '*.#']
    const sent = names.map((name) => letter({ name }))
    expect(await adapter.send(queue, sent)).toEqual(names.map(() => 'accepted'))
    const big = letter({ body: `"${'x'.repeat(17 * 1_024 * 1_024)}"` })
    const odd = letter({ id: 'x'.repeat(300) })
    const [tooLarge, invalid, fine] = await adapter.send(queue, [big, odd, letter()])
    expect([tooLarge, invalid]).toEqual([expect.objectContaining({ code: 'too-large' }), expect.any(BrokerError)])
    expect(fine).toBe('accepted')
  })

  test('an exclusive consumer beside another is a conflict; one that was there before, idle, waits and then goes on', async () => {
    const { adapter, queue } = await bed.queue()
    await adapter.send(queue, letters(5))
    const early = await bed.consume(adapter, queue)
    const first = await bed.consume(await bed.open(), queue, { exclusive: true })
    await expect(bed.consume(adapter, queue)).rejects.toMatchObject({ code: 'conflict', retryable: true })
    const waiting = take(early, 5)
    const held = await take(first, 5)
    expect(held).toHaveLength(5)
    await first.close()
    const ids = (some: readonly Delivery[]) => some.map(({ message }) => message.id).sort()
    expect(ids(await waiting)).toEqual(ids(held))
    await expect(bed.consume(adapter, queue, { exclusive: true })).rejects.toMatchObject({ code: 'conflict' })
  })

  test('what nobody asks for is not kept: credit left by a settled batch goes back within a moment, in order, and counts little', async () => {
    const { adapter, queue } = await bed.queue()
    const sent = letters(12)
    await adapter.send(queue, sent)
    const idle = await bed.consume(adapter, queue)
    const first = await take(idle, 4)
    await idle.settle(first.map((delivery) => ({ kind: 'complete', delivery })))
    const other = await bed.consume(adapter, queue)
    const rest = await take(other, 8, 5_000)
    expect(rest.map(({ message }) => message.id).sort()).toEqual(
      sent
        .slice(4)
        .map(({ id }) => id)
        .sort(),
    )
    for (const { lapses } of rest) expect(lapses).toBeLessThanOrEqual(1)
  })

  test('hand-backs alone never look like a crash loop', async () => {
    const { adapter, queue } = await bed.queue()
    await adapter.send(queue, [letter({ body: '{"n":1}' })])
    const seen: (number | null)[] = []
    for (let round = 0; round < 8; round += 1) {
      const consumer = await bed.consume(adapter, queue)
      const [one] = await take(consumer, 1)
      expect(one?.message.body).toBe('{"n":1}')
      seen.push(one?.lapses ?? null)
      await consumer.close()
    }
    expect(Math.max(...seen.map(Number))).toBe(2)
  })

  test('prefetch leases that many ahead of demand and no more', async () => {
    const { adapter, queue } = await bed.queue()
    await adapter.send(queue, letters(20))
    const ahead = await bed.consume(adapter, queue, { prefetch: 5 })
    expect(await take(ahead, 2)).toHaveLength(2)
    const other = await bed.consume(adapter, queue)
    expect(await take(other, 13, 5_000)).toHaveLength(13)
    expect(await take(other, 1, 500)).toHaveLength(0)
    expect(await take(ahead, 5)).toHaveLength(5)
  })

  test('calls after close are refused as closed', async () => {
    const { adapter, queue } = await bed.queue()
    const consumer = await bed.consume(adapter, queue)
    await adapter.close()
    await adapter.close()
    await expect(adapter.send(queue, [letter()])).rejects.toMatchObject({ code: 'closed' })
    await expect(adapter.stats(queue)).rejects.toMatchObject({ code: 'closed' })
    await expect(consumer.receive(1, AbortSignal.timeout(100))).rejects.toMatchObject({ code: 'closed' })
  })

  test('wrong password, missing virtual host and closed port are typed, quick, and tell no secret', async () => {
    const attempt = async (change: (url: URL) => void): Promise<BrokerError> => {
      const url = new URL(broker.url)
      url.password = 'hunter2-secret'
      change(url)
      const error = await rabbitmq({ url: url.href })(hostOf([])).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(BrokerError)
      const whole = `${error} ${JSON.stringify(error)} ${(error as Error).stack} ${(error as { cause?: Error }).cause?.stack}`
      expect(whole).not.toContain('hunter2')
      return error as BrokerError
    }
    const right = new URL(broker.url).password
    expect((await attempt(() => {})).code).toBe('forbidden')
    expect((await attempt((url) => Object.assign(url, { password: right, pathname: '/nowhere' }))).code).toBe(
      'forbidden',
    )
    expect((await attempt((url) => Object.assign(url, { port: '1' }))).code).toBe('unavailable')
  })
})
