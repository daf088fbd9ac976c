import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { type RunningBroker, startBroker } from '@switchyard/brokers'
import { systemClock } from '@switchyard/core/adapter'
import { adapterFromUrl } from '@switchyard/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consumerOf, freshQueue, hostWith, message, type Open, openPostgres, takeOne } from './fixture.ts'

let broker: RunningBroker
let open: Open
let admin: pg.Client

beforeAll(async () => {
  broker = await startBroker('postgres')
  open = await openPostgres({ url: broker.url })
  admin = new pg.Client({ connectionString: broker.url })
  await admin.connect()
})

afterAll(async () => {
  await admin.end()
  await open[Symbol.asyncDispose]()
  await broker.stop()
})

test('bodies and notes that jsonb would refuse or reorder come back byte for byte', async () => {
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  const bodies = [
    '"\\u0000 \\ud800 \\udc00 \\ufffe"',
    '{"b":1,"a":2,"a":3,"n":1.00000000000000000001,"z":1e400}',
    '  { "spaces" : [ ] }  ',
    `"${'ü𝄞\\n'.repeat(1_000)}'\\"; DROP TABLE job; --"`,
  ]
  for (const body of bodies) {
    await open.adapter.send(queue, [message({ body })])
    const first = await takeOne(consumer)
    expect(first.message.body).toBe(body)
    await consumer.settle([{ kind: 'retry', delivery: first, delayMs: 0, note: body }])
    const second = await takeOne(consumer)
    expect([second.message.body, second.note]).toEqual([body, body])
    expect(await consumer.settle([{ kind: 'complete', delivery: second }])).toEqual(['settled'])
  }
  await consumer.close()
})

test('one message that the server refuses does not take its neighbours along', async () => {
  const queue = await freshQueue(open.adapter)
  const results = await open.adapter.send(queue, [message(), message({ body: '"\0"' }), message()])
  expect(results).toMatchObject(['accepted', { code: 'invalid', maybeApplied: false }, 'accepted'])
})

test('a job that runs for more than a day is not taken from its worker', async () => {
  const queue = await freshQueue(open.adapter)
  const [ours, witness] = [message(), message()]
  await open.adapter.send(queue, [ours, witness])
  const consumer = await consumerOf(open.adapter, queue)
  const held = await consumer.receive(2, AbortSignal.timeout(15_000))
  expect(held).toHaveLength(2)
  // the witness has the longest expiry that pg-boss documents; one statement ends both or the witness alone
  await admin.query('UPDATE switchyard.job SET expire_seconds = 86400 WHERE name = $1 AND id = $2', [queue, witness.id])
  await admin.query("UPDATE switchyard.job SET started_on = started_on - interval '300 days' WHERE name = $1", [queue])
  const until = Date.now() + 15_000
  while (!(await hasExpired(queue, witness.id)) && Date.now() < until) await admin.query('SELECT pg_sleep(0.1)')
  const answers = await consumer.settle(held.map((delivery) => ({ kind: 'complete', delivery })))
  expect(held.map((delivery, index) => [delivery.message.id, answers[index]])).toEqual([
    [ours.id, 'settled'],
    [witness.id, 'lost'],
  ])
  await consumer.close()
})

async function hasExpired(queue: string, id: string): Promise<boolean> {
  const { rows } = await admin.query('SELECT state FROM switchyard.job WHERE name = $1 AND id = $2', [queue, id])
  return rows[0]?.state === 'retry'
}

test('the fence holds against an id that was completed, sent again and leased again', async () => {
  const queue = await freshQueue(open.adapter, { leaseMs: 1_000 })
  const sent = message()
  await open.adapter.send(queue, [sent])
  const former = await consumerOf(open.adapter, queue, { leaseMs: 1_000 })
  const stale = await takeOne(former)
  const owner = await consumerOf(open.adapter, queue)
  const first = await takeOne(owner)
  expect(await owner.settle([{ kind: 'complete', delivery: first }])).toEqual(['settled'])
  expect(await open.adapter.send(queue, [sent])).toEqual(['accepted'])
  const second = await takeOne(owner) // same id, same attempt number as the stale receipt
  expect(await former.extend([stale])).toEqual(['lost'])
  expect(await former.settle([{ kind: 'complete', delivery: stale }])).toEqual(['lost'])
  expect(await owner.settle([{ kind: 'complete', delivery: first }])).toEqual(['lost'])
  expect(await owner.settle([{ kind: 'complete', delivery: second }])).toEqual(['settled'])
})

test.each([false, true])(
  'unique while active admits one until it is settled for good (ordered: %s)',
  async (ordered) => {
    const queue = await freshQueue(open.adapter, { ordered })
    const unique = { key: 'report \0 \ud800', while: 'active' } as const
    const send = (...messages: Parameters<typeof open.adapter.send>[1]) => open.adapter.send(queue, messages)
    const race = await Promise.all([
      send(message({ unique })),
      send(message({ unique }), message({ unique }), message()),
    ])
    expect(race.flat().sort()).toEqual(['accepted', 'accepted', 'duplicate', 'duplicate'])
    const consumer = await consumerOf(open.adapter, queue)
    const held = await consumer.receive(2, AbortSignal.timeout(15_000))
    expect(await send(message({ unique }))).toEqual(['duplicate'])
    await consumer.settle(held.map((delivery) => ({ kind: 'retry', delivery, delayMs: 0 })))
    expect(await send(message({ unique }))).toEqual(['duplicate'])
    const again = await consumer.receive(2, AbortSignal.timeout(15_000))
    await consumer.settle(again.map((delivery) => ({ kind: 'complete', delivery })))
    expect(await send(message({ unique }))).toEqual(['accepted'])
    const others = [{ key: 'x', while: 'queued' } as const, { key: 'x', windowMs: 1_000 }]
    for (const other of others) expect(await send(message({ unique: other }))).toMatchObject([{ code: 'unsupported' }])
    await consumer.close()
  },
)

test('an exclusive consumer keeps everybody out, in this process and in others, until it is closed', async () => {
  await using other = await openPostgres({ url: broker.url })
  const queue = await freshQueue(open.adapter)
  const exclusive = await consumerOf(open.adapter, queue, { exclusive: true })
  for (const adapter of [open.adapter, other.adapter])
    for (const wanted of [true, false])
      await expect(consumerOf(adapter, queue, { exclusive: wanted })).rejects.toMatchObject({ code: 'conflict' })
  await exclusive.close()
  const plain = await consumerOf(other.adapter, queue)
  await expect(consumerOf(open.adapter, queue, { exclusive: true })).rejects.toMatchObject({ code: 'conflict' })
  const beside = await consumerOf(open.adapter, queue)
  await beside.close()
  await plain.close()
  await (await consumerOf(open.adapter, queue, { exclusive: true })).close()
})

test('what nobody received for half a lease goes back without a lapse', async () => {
  const queue = await freshQueue(open.adapter, { leaseMs: 2_000 })
  await open.adapter.send(queue, [message(), message(), message()])
  const hoarder = await consumerOf(open.adapter, queue, { leaseMs: 2_000, prefetch: 2 })
  const first = await takeOne(hoarder)
  const other = await consumerOf(open.adapter, queue)
  expect([(await takeOne(other)).lapses, (await takeOne(other)).lapses]).toEqual([0, 0])
  expect(await hoarder.settle([{ kind: 'complete', delivery: first }])).toEqual(['settled'])
  await other.close()
  await hoarder.close()
})

test('a queue that is missing or deleted is `not-found`, and never swallows a message as a duplicate', async () => {
  const missing = `t-${randomUUID()}`
  await expect(open.adapter.send(missing, [message()])).rejects.toMatchObject({ code: 'not-found' })
  await expect(consumerOf(open.adapter, missing)).rejects.toMatchObject({ code: 'not-found' })
  const queue = await freshQueue(open.adapter)
  await open.adapter.send(queue, [message()])
  await admin.query('SELECT switchyard.delete_queue($1)', [queue])
  await expect(open.adapter.send(queue, [message()])).rejects.toMatchObject({ code: 'not-found' })
})

test('a queue declared again with another order is refused, with the way out', async () => {
  const queue = await freshQueue(open.adapter)
  const again = open.adapter.declare({ name: queue, leaseMs: 30_000, ordered: true, dedupeMs: 0 })
  await expect(again).rejects.toMatchObject({ code: 'exists', message: expect.stringContaining('another name') })
})

test('messages of one order key in one call keep their order', async () => {
  const queue = await freshQueue(open.adapter, { ordered: true })
  const sent = Array.from({ length: 12 }, (_, index) => message({ body: String(index), orderKey: `k${index % 2}` }))
  await open.adapter.send(queue, sent)
  const consumer = await consumerOf(open.adapter, queue)
  const seen: number[] = []
  while (seen.length < 12) {
    const batch = await consumer.receive(12, AbortSignal.timeout(15_000))
    expect(batch.length).toBeLessThanOrEqual(2)
    seen.push(...batch.map((delivery) => Number(delivery.message.body)))
    await consumer.settle(batch.map((delivery) => ({ kind: 'complete', delivery })))
  }
  expect(seen.filter((n) => n % 2 === 0)).toEqual([0, 2, 4, 6, 8, 10])
  expect(seen.filter((n) => n % 2 === 1)).toEqual([1, 3, 5, 7, 9, 11])
  await consumer.close()
})

test('browse pages through every state without taking, and counts lapses as the next lease would', async () => {
  const queue = await freshQueue(open.adapter)
  const sent = Array.from({ length: 5 }, (_, index) => message({ body: String(index) }))
  await open.adapter.send(queue, [...sent, message({ delayMs: 60_000, body: '"later"' })])
  const pages: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<NonNullable<typeof open.adapter.browse>>> | undefined = await open.adapter.browse?.(
      queue,
      {
        state: 'ready',
        cursor,
        limit: 2,
      },
    )
    pages.push((page?.messages ?? []).map(({ message: { body } }) => body).join())
    cursor = page?.cursor ?? null
  } while (cursor !== null)
  expect(pages.join()).toBe('0,1,2,3,4')
  const delayed = await open.adapter.browse?.(queue, { state: 'delayed', cursor: null, limit: 9 })
  expect(delayed?.messages.map(({ message: { body } }) => body)).toEqual(['"later"'])
  const consumer = await consumerOf(open.adapter, queue)
  const delivery = await takeOne(consumer)
  await consumer.settle([{ kind: 'retry', delivery, delayMs: 0, note: '"n"' }])
  const ready = await open.adapter.browse?.(queue, { state: 'ready', cursor: null, limit: 9 })
  expect(ready?.messages.find(({ note }) => note === '"n"')).toMatchObject({ lapses: 0 })
  await consumer.close()
})

test('four processes may create the schema at once', async () => {
  const schema = 'together'
  const opened = await Promise.all([1, 2, 3, 4].map(() => openPostgres({ url: broker.url, schema })))
  const names = await Promise.all(
    opened.map(({ adapter }) => adapter.declare({ name: 'q', leaseMs: 30_000, ordered: false, dedupeMs: 0 })),
  )
  expect(names).toHaveLength(4)
  for (const one of opened) await one[Symbol.asyncDispose]()
})

test('a schema that a newer pg-boss has migrated is refused before anything is written', async () => {
  const schema = 'newer'
  await (await openPostgres({ url: broker.url, schema }))[Symbol.asyncDispose]()
  await admin.query('UPDATE newer.version SET version = 44')
  const refusal = openPostgres({ url: broker.url, schema })
  await expect(refusal).rejects.toMatchObject({
    code: 'version',
    retryable: false,
    message: expect.stringContaining('newer than 43'),
  })
  expect((await admin.query('SELECT version FROM newer.version')).rows).toEqual([{ version: 44 }])
})

test('wrong credentials are `forbidden` and no text carries the password', async () => {
  const url = new URL(broker.url)
  url.password = 'hunter2-secret'
  const error: unknown = await adapterFromUrl(url.href)(hostWith([])).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'forbidden', retryable: false })
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2')
})

test('a closed adapter refuses everything with `closed`', async () => {
  const { adapter } = await openPostgres({ url: broker.url })
  const queue = await freshQueue(adapter)
  const consumer = await consumerOf(adapter, queue)
  const receiving = consumer.receive(1, new AbortController().signal).catch((error: unknown) => error)
  await Promise.all([adapter.close(), adapter.close()])
  expect(await receiving).toMatchObject({ code: 'closed' })
  await expect(adapter.send(queue, [message()])).rejects.toMatchObject({ code: 'closed' })
  await expect(consumer.receive(1, AbortSignal.timeout(10))).rejects.toMatchObject({ code: 'closed' })
})

test('a server that answers before its commit is on disk is declared as what it is', async () => {
  expect(open.adapter.capabilities.survives.value).toBe('power-loss')
  await admin.query('ALTER ROLE switchyard SET synchronous_commit = off')
  await using careless = await openPostgres({ url: broker.url })
  expect(careless.adapter.capabilities.survives.value).toBe('process')
  await admin.query('ALTER ROLE switchyard RESET synchronous_commit')
})

test('single sends and completions at once are answered one by one', async () => {
  const queue = await freshQueue(open.adapter)
  const sent = Array.from({ length: 40 }, () => message())
  const bad = message({ body: '"\0"' })
  const all = [...sent, sent[7] ?? bad, bad]
  const answers = (await Promise.all(all.map((one) => open.adapter.send(queue, [one])))).flat()
  expect(answers.slice(0, 41)).toEqual([...sent.map(() => 'accepted'), 'duplicate'])
  expect(answers[41]).toMatchObject({ code: 'invalid' })
  const consumer = await consumerOf(open.adapter, queue)
  const held = await consumer.receive(40, AbortSignal.timeout(15_000))
  expect(held.map((delivery) => delivery.message.id).sort()).toEqual(sent.map(({ id }) => id).sort())
  const twice = [...held, ...held].map((delivery) => consumer.settle([{ kind: 'complete', delivery }]))
  const words = (await Promise.all(twice)).flat()
  for (const index of held.keys()) expect([words[index], words[index + 40]].sort()).toEqual(['lost', 'settled'])
  await consumer.close()
})

test('close does not wait for the poll, wherever the take under way has got to', async () => {
  await using slow = await openPostgres({ url: broker.url, pollMs: 60_000 })
  const queue = await freshQueue(slow.adapter)
  for (let turn = 0; turn < 10; turn += 1) {
    const consumer = await consumerOf(slow.adapter, queue)
    const receiving = consumer.receive(1, AbortSignal.timeout(30_000)).catch((error: unknown) => error)
    await systemClock.sleep(turn / 2) // before, during and after the fetch
    const startedAt = performance.now()
    await consumer.close()
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(await receiving).toMatchObject({ code: 'closed' })
  }
})
