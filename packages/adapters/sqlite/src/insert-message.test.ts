import { expect, test } from 'vitest'
import { consume, idle, ids, message, take, Yard } from '../test/open-adapter.ts'

const LATER_MS = 60_000

test('delays of any length are kept, and a moment too many for a number is refused by itself', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  const consumer = await consume(adapter)
  const century = 100 * 365 * 86_400_000
  const [soon, late, never] = [
    message({ delayMs: LATER_MS }),
    message({ delayMs: century }),
    message({ delayMs: Infinity }),
  ]
  expect(await adapter.send('q', [late, never, soon])).toMatchObject(['accepted', { code: 'invalid' }, 'accepted'])
  expect((await adapter.stats('q')).delayed?.value).toBe(2)
  yard.host.advance(LATER_MS - 1_000)
  expect(await idle(consumer)).toEqual([])
  yard.host.advance(1_000)
  expect(ids(await take(consumer))).toEqual([soon.id])
  yard.host.advance(century)
  expect(ids(await take(consumer))).toContain(late.id)
})

test('of one order key one message at a time is out, in order of sending, through retry, delay, lapse and move', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  await adapter.declare({ name: 'other', leaseMs: 30_000, ordered: false, dedupeMs: 0 })
  const consumer = await consume(adapter)
  const [a, b, c, d] = [1, 2, 3, 4].map(() => message({ orderKey: 'k' }))
  if (a === undefined || b === undefined || c === undefined || d === undefined) return
  await adapter.send('q', [a, b, c, { ...d, delayMs: LATER_MS }])
  const [first] = await take(consumer)
  expect(first?.message.id).toBe(a.id)
  expect(await idle(consumer)).toEqual([])
  if (first === undefined) return
  await consumer.settle([{ kind: 'retry', delivery: first, delayMs: 10_000 }])
  expect(await idle(consumer)).toEqual([])
  yard.host.advance(10_000)
  const [again] = await take(consumer)
  expect(again?.message.id).toBe(a.id)
  yard.host.advance(30_001)
  const [lapsed] = await take(consumer)
  expect(lapsed).toMatchObject({ message: { id: a.id }, lapses: 1 })
  if (lapsed === undefined) return
  const dead = message()
  expect(await consumer.settle([{ kind: 'move', delivery: lapsed, to: 'other', message: dead }])).toEqual(['settled'])
  const [second] = await take(consumer)
  expect(second?.message.id).toBe(b.id)
  if (second === undefined) return
  await consumer.settle([{ kind: 'complete', delivery: second }])
  const [third] = await take(consumer)
  expect(third?.message.id).toBe(c.id)
  if (third === undefined) return
  await consumer.settle([{ kind: 'complete', delivery: third }])
  expect(await idle(consumer)).toEqual([])
  yard.host.advance(LATER_MS)
  expect(ids(await take(consumer))).toEqual([d.id])
})

test('an id is a duplicate while queued, and for dedupeMs after it was completed', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  const consumer = await consume(adapter)
  const one = message()
  const complete = async () => {
    const deliveries = await take(consumer)
    await consumer.settle(deliveries.map((delivery) => ({ kind: 'complete', delivery })))
  }
  expect(await adapter.send('q', [one, one])).toEqual(['accepted', 'duplicate'])
  await complete()
  expect(await adapter.send('q', [one])).toEqual(['accepted'])
  await adapter.declare({ name: 'q', leaseMs: 30_000, ordered: true, dedupeMs: LATER_MS })
  await complete()
  expect(await adapter.send('q', [one])).toEqual(['duplicate'])
  yard.host.advance(LATER_MS)
  expect(await adapter.send('q', [one])).toEqual(['accepted'])
})

test('unique admits one: while queued, until settled for good, and for a window', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  const consumer = await consume(adapter)
  const send = async (unique: NonNullable<Parameters<typeof message>[0]>['unique']) =>
    (await adapter.send('q', [message(unique === undefined ? {} : { unique })]))[0]

  expect(await send({ key: 'a', while: 'queued' })).toBe('accepted')
  expect(await send({ key: 'a', while: 'queued' })).toBe('duplicate')
  expect(await send({ key: 'A', while: 'queued' })).toBe('accepted')
  await take(consumer)
  expect(await send({ key: 'a', while: 'queued' })).toBe('accepted')

  expect(await send({ key: 'b', while: 'active' })).toBe('accepted')
  const [, delivery] = await take(consumer)
  if (delivery === undefined) throw new Error('nothing delivered')
  expect(await send({ key: 'b', while: 'active' })).toBe('duplicate')
  await consumer.settle([{ kind: 'retry', delivery, delayMs: LATER_MS }])
  expect(await send({ key: 'b', while: 'active' })).toBe('duplicate')
  yard.host.advance(LATER_MS)
  const again = await take(consumer)
  await consumer.settle(again.map((each) => ({ kind: 'complete', delivery: each })))
  expect(await send({ key: 'b', while: 'active' })).toBe('accepted')

  expect(await send({ key: 'w', windowMs: LATER_MS })).toBe('accepted')
  await take(consumer)
  expect(await send({ key: 'w', windowMs: LATER_MS })).toBe('duplicate')
  yard.host.advance(LATER_MS)
  expect(await send({ key: 'w', windowMs: LATER_MS })).toBe('accepted')
  expect(await send({ key: 'lone \ud800', while: 'queued' })).toBe('accepted')
  expect(await send({ key: 'lone \ud801', while: 'queued' })).toBe('accepted')
})
