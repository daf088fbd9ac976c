import { brokerOrSkip } from '@switchyard/brokers'
import { type Delivery, systemClock } from '@switchyard/core/adapter'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bed, declare, freshName, letter, letters, take } from './bed.ts'

const { broker, skip } = await brokerOrSkip('rabbitmq')

describe.skipIf(skip !== undefined)(`the delay chain${skip === undefined ? '' : ` (${skip})`}`, () => {
  if (broker === undefined) return
  let bed: Bed
  beforeAll(() => {
    bed = new Bed(broker)
  })
  afterAll(async () => {
    await bed[Symbol.asyncDispose]()
    await broker.stop()
  })

  test('200 mixed delays, the longest first: none early, none behind another', async () => {
    const { adapter, queue } = await bed.queue()
    const sent = Array.from({ length: 200 }, (_, at) => letter({ delayMs: 1 + (200 - at) * 17 }))
    const due = new Map<string, number>()
    const sending = systemClock.now()
    expect(new Set(await adapter.send(queue, sent))).toEqual(new Set(['accepted']))
    const answered = systemClock.now()
    for (const { id, delayMs } of sent) due.set(id, delayMs)
    const consumer = await bed.consume(adapter, queue)
    const early: number[] = []
    const late: number[] = []
    for (let got = 0; got < sent.length; ) {
      const some = await take(consumer, 1)
      const now = systemClock.now()
      for (const { message } of some) {
        const delayMs = due.get(message.id) ?? Number.NaN
        if (now - sending < delayMs) early.push(delayMs - (now - sending))
        late.push(now - answered - delayMs)
      }
      if (some.length === 0) throw new Error(`only ${got} of ${sent.length} came`)
      got += some.length
      await consumer.settle(some.map((delivery) => ({ kind: 'complete', delivery })))
    }
    expect(early).toEqual([])
    expect(Math.max(...late)).toBeLessThan(adapter.capabilities.delayGrainMs.value + 2_000)
  })

  test('a job that is retried over the chain again and again is never dropped as a cycle', async () => {
    const { adapter, queue } = await bed.queue()
    await adapter.send(queue, [letter({ delayMs: 30 })])
    const consumer = await bed.consume(adapter, queue)
    for (let round = 1; round <= 8; round += 1) {
      const [one] = await take(consumer, 1)
      if (one === undefined) throw new Error(`vanished at pass ${round}`)
      expect([one.note, one.lapses]).toEqual([round === 1 ? null : `{"attempt":${round}}`, 0])
      const note = `{"attempt":${round + 1}}`
      expect(await consumer.settle([{ kind: 'retry', delivery: one, delayMs: 30, note }])).toEqual(['settled'])
    }
  })

  test('a queue is not taken for another whose name ends alike', async () => {
    const adapter = await bed.open()
    const name = freshName()
    for (const one of [name, `x.${name}`]) await declare(adapter, one)
    const [plain, dotted] = [await bed.consume(adapter, name), await bed.consume(adapter, `x.${name}`)]
    const one = letter({ delayMs: 40 })
    await adapter.send(`x.${name}`, [one])
    expect((await take(dotted, 1)).map(({ message }) => message.id)).toEqual([one.id])
    const marker = letter({ delayMs: 40 })
    await adapter.send(name, [marker])
    expect((await take(plain, 1)).map(({ message }) => message.id)).toEqual([marker.id])
  })

  test('a delay of a month is taken, one above the declared longest refused before anything is sent', async () => {
    const { adapter, queue } = await bed.queue()
    const longest = adapter.capabilities.maxDelayMs.value
    expect(longest).toBeGreaterThan(30 * 86_400_000)
    const answers = await adapter.send(queue, [
      letter({ delayMs: longest }),
      letter({ delayMs: longest + 1 }),
      letter(),
    ])
    expect(answers).toEqual(['accepted', expect.objectContaining({ code: 'unsupported' }), 'accepted'])
  })

  test.skipIf(!broker.controllable)(
    'SIGKILL of the server with 1000 messages in the chain loses none',
    { timeout: 180_000 },
    async () => {
      const { adapter, queue } = await bed.queue()
      const sent = [...letters(500, { delayMs: 1_300 }), ...letters(500, { delayMs: 6_000 })]
      const accepted = new Set<string>()
      const answers = await adapter.send(queue, sent)
      for (const [at, answer] of answers.entries()) if (answer === 'accepted') accepted.add(sent[at]?.id ?? '')
      expect(accepted.size).toBe(1_000)
      await broker.kill()
      await broker.restart()
      const consumer = await bed.consume(adapter, queue)
      const seen = new Set<string>()
      const until = systemClock.now() + 90_000
      while (accepted.size > seen.size && systemClock.now() < until) {
        const some: readonly Delivery[] = await consumer.receive(200, AbortSignal.timeout(5_000))
        for (const { message } of some) seen.add(message.id)
        await consumer.settle(some.map((delivery) => ({ kind: 'complete', delivery })))
      }
      expect([...accepted].filter((id) => !seen.has(id))).toEqual([])
    },
  )
})
