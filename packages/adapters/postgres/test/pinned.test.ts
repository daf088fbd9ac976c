import { randomUUID } from 'node:crypto'
import { type RunningBroker, startBroker } from '@switchyard/brokers'
import pg from 'pg'
import type { Db, JobWithMetadata } from 'pg-boss'
import { PgBoss } from 'pg-boss'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { KNOWN_SCHEMA } from '../src/schema-version.ts'

/** What the adapter relies on in pg-boss 12.35.0 without documentation: each of these failing means a new release must be read. */
let broker: RunningBroker
let pool: pg.Pool
let boss: PgBoss

beforeAll(async () => {
  broker = await startBroker('postgres')
  pool = new pg.Pool({ connectionString: broker.url, max: 4 })
  pool.on('error', () => undefined)
  const db: Db = { executeSql: (text, values) => pool.query(text, values) }
  boss = new PgBoss({ db, schema: 'pinned', supervise: false, schedule: false, monitorIntervalSeconds: 1 })
  await boss.start()
})

afterAll(async () => {
  await boss.stop({ graceful: false })
  await pool.end()
  await broker.stop()
})

async function freshQueue(): Promise<string> {
  const name = `q-${randomUUID()}.dead`
  await boss.createQueue(name, {
    policy: 'exclusive',
    partition: true,
    notify: true,
    retryLimit: 2_147_483_647,
    retryDelay: 0,
  })
  return name
}

async function fetchOne(queue: string): Promise<JobWithMetadata<object>> {
  const [job] = await boss.fetch<object>(queue, { includeMetadata: true })
  if (job === undefined) throw new Error('nothing to fetch')
  return job
}

test('a fresh install has the schema version that the adapter knows', async () => {
  expect(await boss.schemaVersion()).toBe(KNOWN_SCHEMA)
})

test('complete, fail, touch and deleteJob answer `settled` with exactly the ids whose attempt still stands', async () => {
  const queue = await freshQueue()
  for (const call of ['touch', 'fail', 'complete', 'deleteJob'] as const) {
    const [live, stale] = [randomUUID(), randomUUID()]
    await boss.insert(queue, [{ id: live }, { id: stale }])
    await boss.fetch(queue, { batchSize: 2 })
    const attempts = [
      { id: live, retryCount: 0 },
      { id: stale, retryCount: 7 },
    ]
    const response = call === 'complete' ? await boss.complete(queue, attempts) : await boss[call](queue, attempts)
    expect(response, call).toMatchObject({ requested: 2, affected: 1, settled: [live] })
    await boss.deleteAllJobs(queue)
  }
})

test('insert takes a heartbeat below ten seconds, an expiry above a day, and intervals as startAfter', async () => {
  const queue = await freshQueue()
  const never = 2_147_483_647
  const id = randomUUID()
  await boss.insert(queue, [
    {
      id,
      heartbeatSeconds: 1,
      expireInSeconds: never,
      retentionSeconds: never,
      retryLimit: never,
      startAfter: '-3 microseconds',
    },
    { id: randomUUID(), startAfter: '60000 milliseconds' },
  ])
  const job = await fetchOne(queue)
  expect(job).toMatchObject({ id, heartbeatSeconds: 1, expireInSeconds: never, retryLimit: never })
  expect(job.keepUntil.getUTCFullYear()).toBeGreaterThan(2_090)
  expect(await boss.fetch(queue)).toEqual([])
})

test('insert with returnId answers the ids really stored, and null for none', async () => {
  const queue = await freshQueue()
  const [one, two] = [randomUUID(), randomUUID()]
  expect(await boss.insert(queue, [{ id: one, singletonKey: 'a' }], { returnId: true })).toEqual([one])
  const both = [
    { id: one, singletonKey: 'b' },
    { id: two, singletonKey: 'c' },
  ]
  expect(await boss.insert(queue, both, { returnId: true })).toEqual([two])
  expect(await boss.insert(queue, [{ id: one, singletonKey: 'd' }], { returnId: true })).toBeNull()
  expect(await boss.insert(queue, [{ id: randomUUID(), singletonKey: 'a' }], { returnId: true })).toBeNull()
})

test('insert and an update to a past startAfter ring the channel with the name of the queue', async () => {
  const queue = await freshQueue()
  const client = new pg.Client({ connectionString: broker.url })
  await client.connect()
  const rung: string[] = []
  const bell = Promise.withResolvers<void>()
  client.on('notification', ({ payload }) => {
    rung.push(payload ?? '')
    if (rung.length === 2) bell.resolve()
  })
  const { rows } = await pool.query(`SELECT 'pgboss_' || left(encode(sha224('pinned'::bytea), 'hex'), 24) AS channel`)
  await client.query(`LISTEN "${rows[0].channel}"`)
  const id = randomUUID()
  await boss.insert(queue, [{ id }])
  const job = await fetchOne(queue)
  await boss.fail(queue, [{ id, retryCount: job.retryCount }])
  await boss.update(queue, { again: true }, { id, startAfter: '60000 milliseconds' }) // in the future: silent
  await boss.update(queue, { again: true }, { id, startAfter: '0 milliseconds' })
  await bell.promise
  expect(rung).toEqual([queue, queue])
  expect(await fetchOne(queue)).toMatchObject({ id, retryCount: 1, data: { again: true } })
  await client.end()
})

test('supervise ends a lease by its heartbeat, and keeps counting attempts', async () => {
  const queue = await freshQueue()
  const id = randomUUID()
  await boss.insert(queue, [{ id, heartbeatSeconds: 1, expireInSeconds: 2_147_483_647 }])
  await boss.fetch(queue)
  const until = Date.now() + 10_000
  let [job] = await boss.fetch<object>(queue)
  while (job === undefined && Date.now() < until) {
    await boss.supervise(queue)
    ;[job] = await boss.fetch<object>(queue)
  }
  expect(job).toMatchObject({ id, retryCount: 1, heartbeatSeconds: 1 })
})
