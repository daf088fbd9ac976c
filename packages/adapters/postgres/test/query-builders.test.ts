import { type RunningBroker, startBroker } from '@switchyard/brokers'
import { fromDrizzle, fromKnex, fromKysely, type PostgresTx } from '@switchyard/postgres'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import knex from 'knex'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consumerOf, freshQueue, message, type Open, openPostgres, takeOne } from './fixture.ts'

let broker: RunningBroker
let open: Open
let pool: pg.Pool

beforeAll(async () => {
  broker = await startBroker('postgres')
  open = await openPostgres({ url: broker.url })
  pool = new pg.Pool({ connectionString: broker.url })
  await pool.query('CREATE TABLE effects (job text PRIMARY KEY)')
})

afterAll(async () => {
  await pool.end()
  await open[Symbol.asyncDispose]()
  await broker.stop()
})

/** Runs `work` in a transaction that commits; rejects, and rolls back, when `work` does. */
type InTransaction = (work: (tx: PostgresTx) => Promise<void>) => Promise<void>

/** Send, settle and put back inside the transaction: all of it happens, or none of it. */
async function bothWays(inTransaction: InTransaction): Promise<void> {
  const { adapter } = open
  const queue = await freshQueue(adapter)
  await adapter.send(queue, [message({ body: '"first"' }), message({ body: '"second"' })])
  const consumer = await consumerOf(adapter, queue)
  const [first, second] = [await takeOne(consumer), await takeOne(consumer)]
  const work = async (tx: PostgresTx) => {
    expect(await adapter.send(queue, [message({ body: `"it's $1 ? :x {}"`, delayMs: 60_000 })], tx)).toEqual([
      'accepted',
    ])
    const settlements = [
      { kind: 'complete', delivery: first },
      { kind: 'retry', delivery: second, delayMs: 60_000, note: `"what? it's :note $2"` },
    ] as const
    expect(await consumer.settle(settlements, tx)).toEqual(['settled', 'settled'])
  }
  const figures = async () => {
    const { ready, delayed, leased } = await adapter.stats(queue)
    return [ready?.value, delayed?.value, leased?.value]
  }
  const changed = new Error('changed my mind')
  const rolledBack = inTransaction(async (tx) => {
    await work(tx)
    throw changed
  })
  await expect(rolledBack).rejects.toBe(changed)
  expect(await figures()).toEqual([0, 0, 2])
  await inTransaction(work)
  expect(await figures()).toEqual([0, 2, 0])
  const waiting = (await adapter.browse?.(queue, { state: 'delayed', cursor: null, limit: 9 }))?.messages
  expect(waiting?.map(({ message: { body }, note }) => [body, note]).sort()).toEqual([
    ['"it\'s $1 ? :x {}"', null],
    ['"second"', `"what? it's :note $2"`],
  ])
  await consumer.close()
}

test('send and settle in a transaction of Kysely', async () => {
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
  await bothWays((work) => db.transaction().execute((trx) => work(fromKysely(trx))))
})

test('send and settle in a transaction of Drizzle', async () => {
  const db = drizzle(pool)
  await bothWays((work) => db.transaction((tx) => work(fromDrizzle(tx, sql))))
})

test('send and settle in a transaction of Knex', async () => {
  const db = knex({ client: 'pg', connection: broker.url })
  await bothWays((work) => db.transaction((trx) => work(fromKnex(trx)))).finally(() => db.destroy())
})
