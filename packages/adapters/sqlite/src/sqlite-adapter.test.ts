import type { BrowseResult } from '@switchyard/core/adapter'
import { expect, test, vi } from 'vitest'
import { consume, idle, ids, message, take, Yard } from '../test/open-adapter.ts'

const LATER_MS = 60_000
const LEASE = { leaseMs: 30_000, prefetch: 0, lost() {} }

test('a message goes to one consumer, byte for byte, and is gone once completed', async () => {
  await using yard = new Yard()
  const [one, two] = [await yard.open(), await yard.open()]
  const body = '{"text":"ünïcödé \\u0000 \\ud800 ☃ \u{1f682}"}'
  expect(await one.send('q', [message({ body })])).toEqual(['accepted'])
  const [first, second] = [await consume(one), await consume(two)]
  const [delivery] = await take(first)
  expect(delivery).toMatchObject({ message: { body }, note: null, lapses: 0 })
  expect(await idle(second)).toEqual([])
  if (delivery === undefined) return
  expect(await first.settle([{ kind: 'complete', delivery }])).toEqual(['settled'])
  expect(await first.settle([{ kind: 'complete', delivery }])).toEqual(['lost'])
  expect((await one.stats('q')).ready?.value).toBe(0)
})

test('a waiting receive is woken by another connection long before the 250 ms look (half of the time: 60 ms)', async () => {
  await using yard = new Yard()
  const [one, two] = [await yard.open(), await yard.open()]
  const consumer = await consume(two)
  const waits: number[] = []
  for (let round = 0; round < 9; round += 1) {
    const taken = take(consumer)
    await new Promise((resolve) => setImmediate(resolve))
    const start = performance.now()
    await one.send('q', [message()])
    const [delivery] = await taken
    waits.push(performance.now() - start)
    if (delivery !== undefined) await consumer.settle([{ kind: 'complete', delivery }])
  }
  expect(waits.sort((a, b) => a - b)[4]).toBeLessThan(60)
})

test('a lapse is counted once per ended lease, a hand-back and a retry are not', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  const lost = vi.fn()
  const [one, two] = [await consume(adapter, { lost }), await consume(adapter)]
  await adapter.send('q', [message()])
  const [stale] = await take(one)
  yard.host.advance(30_001)
  const [lapsed] = await take(two)
  expect(lapsed?.lapses).toBe(1)
  if (stale === undefined || lapsed === undefined) throw new Error('nothing delivered')
  expect(await one.extend([stale])).toEqual(['lost'])
  expect(lost).toHaveBeenCalledExactlyOnceWith([stale])
  expect(await two.settle([{ kind: 'retry', delivery: lapsed, delayMs: 0, note: '{"n":1}' }])).toEqual(['settled'])
  const [again] = await take(two)
  expect(again).toMatchObject({ lapses: 1, note: '{"n":1}' })
  await two.close()
  const [back] = await take(one)
  expect(back).toMatchObject({ lapses: 1, note: '{"n":1}' })
})

test('a lease that ran out is lost even when nobody else has taken the message', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  const consumer = await consume(adapter)
  await adapter.send('q', [message()])
  const [delivery] = await take(consumer)
  if (delivery === undefined) throw new Error('nothing delivered')
  yard.host.advance(29_000)
  expect(await consumer.extend([delivery])).toEqual(['settled'])
  yard.host.advance(29_000)
  expect((await adapter.stats('q')).leased?.value).toBe(1)
  yard.host.advance(1_001)
  expect((await adapter.stats('q')).ready?.value).toBe(1)
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['lost'])
})

test('lost is told by a timer when the lease ends, and not for what was settled', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  const told = Promise.withResolvers<readonly string[]>()
  const consumer = await consume(adapter, { leaseMs: 80, lost: (deliveries) => told.resolve(ids(deliveries)) })
  const [kept, done] = [message(), message()]
  await adapter.send('q', [kept, done])
  const [, second] = await take(consumer)
  if (second === undefined) throw new Error('nothing delivered')
  await consumer.settle([{ kind: 'complete', delivery: second }])
  expect(await told.promise).toEqual([kept.id])
})

test('a move is refused neither by a completed id nor by unique, and holds its key where it arrives', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  await adapter.declare({ name: 'dead', leaseMs: 30_000, ordered: false, dedupeMs: LATER_MS })
  const [consumer, reader] = [await consume(adapter), await adapter.consume('dead', { ...LEASE })]
  const unique = { key: 'k', while: 'active' } as const
  const letter = message({ unique })
  for (const round of [1, 2]) {
    await adapter.send('q', [message()])
    const [delivery] = await take(consumer)
    if (delivery === undefined) throw new Error('nothing delivered')
    if (round === 2) expect(await adapter.send('dead', [letter])).toEqual(['duplicate'])
    expect(await consumer.settle([{ kind: 'move', delivery, to: 'dead', message: letter }])).toEqual(['settled'])
    expect(await adapter.send('dead', [message({ unique })])).toEqual(['duplicate'])
    const [moved] = await take(reader)
    if (moved === undefined) throw new Error('nothing moved')
    await reader.settle([{ kind: 'complete', delivery: moved }])
  }
})

test('a move to a queue that nobody declared changes nothing and says so', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  const consumer = await consume(adapter)
  await adapter.send('q', [message()])
  const [delivery] = await take(consumer)
  if (delivery === undefined) throw new Error('nothing delivered')
  const [result] = await consumer.settle([{ kind: 'move', delivery, to: 'nowhere', message: message() }])
  expect(result).toMatchObject({ code: 'not-found', queue: 'nowhere' })
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['settled'])
})

test('browse pages through every state without taking anything', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  const consumer = await consume(adapter)
  const leased = message()
  await adapter.send('q', [leased])
  await take(consumer)
  const ready = [message(), message(), message({ orderKey: 'k' }), message({ orderKey: 'k' })]
  const delayed = [1, 2, 3].map((step) => message({ delayMs: step * 1_000 }))
  await adapter.send('q', [...ready, ...delayed])
  const all = async (state: 'ready' | 'delayed' | 'leased') => {
    const seen: string[] = []
    for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
      const page: BrowseResult | undefined = await adapter.browse?.('q', { state, cursor, limit: 2 })
      seen.push(...ids(page?.messages ?? []))
      cursor = page?.cursor ?? null
    }
    return seen
  }
  expect(await all('ready')).toEqual(ready.map(({ id }) => id))
  expect(await all('delayed')).toEqual(delayed.map(({ id }) => id))
  expect(await all('leased')).toEqual([leased.id])
  yard.host.advance(LATER_MS)
  expect((await all('ready')).sort()).toEqual([leased, ...ready, ...delayed].map(({ id }) => id).sort())
  expect((await adapter.stats('q')).ready?.value).toBe(8)
  const bad = adapter.browse?.('q', { state: 'ready', cursor: 'nonsense', limit: 2 })
  await expect(bad).rejects.toMatchObject({ code: 'invalid' })
})

test('purge removes everything, and a key that was waiting goes on', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  const consumer = await consume(adapter)
  await adapter.send('q', [message({ orderKey: 'k' }), message({ orderKey: 'k' }), message({ delayMs: LATER_MS })])
  const [delivery] = await take(consumer)
  if (delivery === undefined) throw new Error('nothing delivered')
  await adapter.purge('q')
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['lost'])
  expect(await adapter.stats('q')).toMatchObject({ ready: { value: 0 }, leased: { value: 0 }, delayed: { value: 0 } })
  const next = message({ orderKey: 'k' })
  await adapter.send('q', [next])
  expect(ids(await take(consumer))).toEqual([next.id])
})

test('an exclusive consumer keeps all others out until it closes or dies', async () => {
  await using yard = new Yard()
  const [one, two] = [await yard.open(), await yard.open()]
  const plain = await consume(two)
  const holder = await consume(one, { exclusive: true })
  await expect(consume(two, { exclusive: true })).rejects.toMatchObject({ code: 'conflict', queue: 'q' })
  await expect(consume(two)).rejects.toMatchObject({ code: 'conflict' })
  const sent = message()
  await one.send('q', [sent])
  expect(await idle(plain)).toEqual([])
  expect(ids(await take(holder))).toEqual([sent.id])
  // As if the process had died: its row is not renewed any more, and its place is taken.
  yard.host.advance(5_001)
  const heir = await consume(two, { exclusive: true })
  await expect(take(holder)).rejects.toMatchObject({ code: 'conflict' })
  await heir.close()
  await holder.close()
  expect(ids(await take(plain))).toEqual([sent.id])
})

test('names reach the file as values only, whatever they contain', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  for (const name of ["'; DROP TABLE switchyard_message; --", '../../etc/passwd', 'ü\u0000x', '']) {
    await adapter.declare({ name, leaseMs: 30_000, ordered: false, dedupeMs: 0 })
    const sent = message({ name, id: `${name}-id` })
    expect(await adapter.send(name, [sent])).toEqual(['accepted'])
    const consumer = await adapter.consume(name, { leaseMs: 30_000, prefetch: 0, lost() {} })
    expect(await take(consumer)).toHaveLength(1)
    await consumer.close()
  }
})

test('after close every call answers closed, a waiting receive ends, and what was held is ready again', async () => {
  await using yard = new Yard()
  const [one, two] = [await yard.open(), await yard.open()]
  const [consumer, waiting] = [await consume(one), await consume(one)]
  await one.send('q', [message()])
  const [delivery] = await take(consumer)
  if (delivery === undefined) throw new Error('nothing delivered')
  const received = waiting.receive(1, new AbortController().signal)
  await one.close()
  await one.close()
  expect(await received).toEqual([])
  const closed = { code: 'closed', adapter: 'sqlite' }
  await expect(one.send('q', [message()])).rejects.toMatchObject(closed)
  await expect(one.stats('q')).rejects.toMatchObject(closed)
  await expect(consume(one)).rejects.toMatchObject(closed)
  await expect(consumer.receive(1, new AbortController().signal)).rejects.toMatchObject(closed)
  await expect(consumer.settle([{ kind: 'complete', delivery }])).rejects.toMatchObject(closed)
  const [back] = await take(await consume(two))
  expect(back).toMatchObject({ message: delivery.message, lapses: 0 })
})

test('calls submitted at any step of a round are all carried out', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  // Each chain submits its next call a few microtasks after the last one resolved: one of them hits the end of a round.
  const chains = Array.from({ length: 12 }, async (_, depth) => {
    for (let round = 0; round < 5; round += 1) {
      await adapter.send('q', [message()])
      for (let step = 0; step < depth; step += 1) await null
    }
  })
  await Promise.all(chains)
  for (let depth = 0; depth < 12; depth += 1) {
    await adapter.send('q', [message()])
    for (let step = 0; step < depth; step += 1) await null
  }
  expect((await adapter.stats('q')).ready?.value).toBe(72)
})
