import { type RunningBroker, startBroker } from '@switchyard/brokers'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { consumerOf, freshQueue, message, type Open, openPostgres, takeOne } from './fixture.ts'

let broker: RunningBroker
let open: Open
let client: pg.Client

beforeAll(async () => {
  broker = await startBroker('postgres')
  open = await openPostgres({ url: broker.url })
  client = new pg.Client({ connectionString: broker.url })
  await client.connect()
  await client.query('CREATE TABLE effects (job text PRIMARY KEY)')
})

beforeEach(() => client.query('TRUNCATE effects'))

afterAll(async () => {
  await client.end()
  await open[Symbol.asyncDispose]()
  await broker.stop()
})

async function effects(): Promise<number> {
  return (await client.query('SELECT 1 FROM effects')).rowCount ?? 0
}

async function waiting(queue: string): Promise<number | undefined> {
  return (await open.adapter.stats(queue)).ready?.value
}

test('what is sent in a transaction is there when it commits, and never when it rolls back', async () => {
  const queue = await freshQueue(open.adapter)
  await client.query('BEGIN')
  expect(await open.adapter.send(queue, [message()], client)).toEqual(['accepted'])
  expect(await waiting(queue)).toBe(0)
  await client.query('ROLLBACK')
  expect(await waiting(queue)).toBe(0)
  await client.query('BEGIN')
  expect(await open.adapter.send(queue, [message()], client)).toEqual(['accepted'])
  await client.query('COMMIT')
  expect(await waiting(queue)).toBe(1)
})

test('a commit wakes an idle consumer', async () => {
  const queue = await freshQueue(open.adapter)
  const slow = await openPostgres({ url: broker.url, pollMs: 60_000 })
  const consumer = await consumerOf(slow.adapter, queue)
  const receiving = takeOne(consumer)
  await client.query('BEGIN')
  await open.adapter.send(queue, [message({ body: '"rung"' })], client)
  await client.query('COMMIT')
  expect((await receiving).message.body).toBe('"rung"')
  await slow[Symbol.asyncDispose]()
})

test('effect and completion commit together, and vanish together', async () => {
  const queue = await freshQueue(open.adapter)
  await open.adapter.send(queue, [message()])
  const consumer = await consumerOf(open.adapter, queue)
  const delivery = await takeOne(consumer)
  for (const end of ['ROLLBACK', 'COMMIT']) {
    await client.query('BEGIN')
    await client.query("INSERT INTO effects VALUES ('one')")
    expect(await consumer.settle([{ kind: 'complete', delivery }], client)).toEqual(['settled'])
    await client.query(end)
    expect(await effects()).toBe(end === 'COMMIT' ? 1 : 0)
  }
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['lost'])
  await consumer.close()
})

test('a stale holder is told `lost` inside its transaction, and its effect rolls back', async () => {
  const queue = await freshQueue(open.adapter, { leaseMs: 1_000 })
  await open.adapter.send(queue, [message()])
  const former = await consumerOf(open.adapter, queue, { leaseMs: 1_000 })
  const stale = await takeOne(former)
  const owner = await consumerOf(open.adapter, queue)
  const owned = await takeOne(owner) // comes when the first lease has lapsed
  await client.query('BEGIN')
  await client.query("INSERT INTO effects VALUES ('stale')")
  expect(await former.settle([{ kind: 'complete', delivery: stale }], client)).toEqual(['lost'])
  await client.query('ROLLBACK')
  expect(await effects()).toBe(0)
  expect(owned.lapses).toBe(1)
  expect(await owner.settle([{ kind: 'complete', delivery: owned }])).toEqual(['settled'])
})

test('retry, release and move also run in the transaction', async () => {
  const [queue, dead] = [await freshQueue(open.adapter), await freshQueue(open.adapter)]
  await open.adapter.send(queue, [message(), message(), message()])
  const consumer = await consumerOf(open.adapter, queue)
  const [one, two, three] = await consumer.receive(3, AbortSignal.timeout(15_000))
  if (one === undefined || two === undefined || three === undefined) throw new Error('three were sent')
  for (const end of ['ROLLBACK', 'COMMIT']) {
    await client.query('BEGIN')
    const settlements = [
      { kind: 'retry', delivery: one, delayMs: 0, note: '{"attempt":2}' },
      { kind: 'release', delivery: two, delayMs: 60_000 },
      { kind: 'move', delivery: three, to: dead, message: message() },
    ] as const
    expect(await consumer.settle(settlements, client)).toEqual(['settled', 'settled', 'settled'])
    await client.query(end)
    const { ready, delayed, leased } = await open.adapter.stats(queue)
    expect([ready?.value, delayed?.value, leased?.value]).toEqual(end === 'COMMIT' ? [1, 1, 0] : [0, 0, 3])
    expect(await waiting(dead)).toBe(end === 'COMMIT' ? 1 : 0)
  }
  expect((await takeOne(consumer)).note).toBe('{"attempt":2}')
  await consumer.close()
})

test('a delay counts from the send, not from the start of an old transaction', async () => {
  const queue = await freshQueue(open.adapter)
  await client.query('BEGIN')
  await client.query('SELECT pg_sleep(0.6)')
  const before = Date.now()
  await open.adapter.send(queue, [message({ delayMs: 700 })], client)
  await client.query('COMMIT')
  const consumer = await consumerOf(open.adapter, queue)
  await takeOne(consumer)
  expect(Date.now() - before).toBeGreaterThanOrEqual(700)
  await consumer.close()
})

test('something that is no transaction is refused', async () => {
  const queue = await freshQueue(open.adapter)
  const refusal = open.adapter.send(queue, [message()], {} as never)
  await expect(refusal).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('fromKysely') })
})
