import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type RunningBroker, startBroker } from '@switchyard/brokers'
import { systemClock } from '@switchyard/core/adapter'
import { adapterFromUrl } from '@switchyard/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consumerOf, freshQueue, hostWith, message, openPostgres, takeOne } from './fixture.ts'

let broker: RunningBroker

beforeAll(async () => {
  broker = await startBroker('postgres')
})

afterAll(() => broker.stop())

/** Runs one statement as somebody else. */
async function asAdmin(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: broker.url, options: '-c default_transaction_read_only=off' })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

function refusalOf(url: string, connectDeadlineMs = 10_000): Promise<unknown> {
  return adapterFromUrl(url)(hostWith([], { connectDeadlineMs })).catch((error: unknown) => error)
}

test('nobody listening is `unavailable` at once', async () => {
  expect(await refusalOf('postgres://u:secret@127.0.0.1:1/db')).toMatchObject({
    code: 'unavailable',
    maybeApplied: false,
  })
})

test('a server that accepts and says nothing is given up within the connect deadline', async () => {
  const mute = createServer((socket) => socket.on('error', () => undefined))
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const { port } = mute.address() as AddressInfo
  const startedAt = performance.now()
  const error = await refusalOf(`postgres://u:secret@127.0.0.1:${port}/db`, 1_000)
  expect(error).toMatchObject({ code: 'timeout', retryable: true })
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  mute.close()
})

test('a missing database is `not-found`, and TLS that the server has not is `forbidden`', async () => {
  const url = new URL(broker.url)
  url.pathname = '/nowhere'
  expect(await refusalOf(url.href)).toMatchObject({ code: 'not-found' })
  expect(await refusalOf(`${broker.url}?sslmode=require`)).toMatchObject({ code: 'forbidden' })
})

test('a server that takes no writes is `read-only`, and not applied', async () => {
  await using open = await openPostgres({ url: broker.url })
  const queue = await freshQueue(open.adapter)
  const sessions = "pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchyard'"
  await asAdmin(`ALTER ROLE switchyard SET default_transaction_read_only = on; SELECT ${sessions}`)
  try {
    const one = message()
    let [result] = await open.adapter.send(queue, [one])
    if (typeof result !== 'string' && result?.code === 'unavailable') [result] = await open.adapter.send(queue, [one])
    expect(result).toMatchObject({ code: 'read-only', maybeApplied: false, retryable: false })
  } finally {
    await asAdmin(`ALTER ROLE switchyard RESET default_transaction_read_only; SELECT ${sessions}`)
  }
})

test('a frozen server ends every call in time with `maybeApplied`, and jobs flow again when it thaws', async () => {
  await using open = await openPostgres({ url: broker.url }, { callDeadlineMs: 1_500 })
  const { adapter } = open
  const queue = await freshQueue(adapter, { leaseMs: 2_000 })
  const consumer = await consumerOf(adapter, queue, { leaseMs: 2_000 })
  await adapter.send(queue, [message({ body: '"held"' })])
  const held = await takeOne(consumer)
  const receiving = takeOne(consumer)
  await broker.pause()
  const one = message({ body: '"doubtful"' })
  const startedAt = performance.now()
  const [sent, settled] = await Promise.all([
    adapter.send(queue, [one]).catch((error: unknown) => [error]),
    consumer.settle([{ kind: 'complete', delivery: held }]),
  ])
  expect(performance.now() - startedAt).toBeLessThan(3_000)
  expect(sent).toMatchObject([{ code: 'timeout', maybeApplied: true, retryable: true }])
  expect(settled).toMatchObject([{ code: 'timeout', maybeApplied: true }])
  await broker.resume()
  const thawedAt = performance.now()
  while (
    typeof (await adapter.send(queue, [one]).then(
      ([answer]) => answer,
      () => undefined,
    )) !== 'string'
  );
  const seen = [(await receiving).message.body]
  expect(performance.now() - thawedAt).toBeLessThan(15_000)
  if (seen[0] !== '"doubtful"') seen.push((await takeOne(consumer)).message.body)
  expect(seen.at(-1)).toBe('"doubtful"')
})

test('an idle receive outlives a server that is away for seconds, and says so once', async () => {
  await using open = await openPostgres({ url: broker.url })
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue, { exclusive: true })
  const receiving = takeOne(consumer)
  await broker.kill()
  await expect(open.adapter.send(queue, [message()]).then(([answer]) => answer)).resolves.toMatchObject({
    code: 'unavailable',
  })
  await systemClock.sleep(3_000) // the outage itself
  const reports = open.faults.filter(({ message: text }) => text.includes('receive')).length
  expect(reports).toBeLessThanOrEqual(1)
  await broker.restart()
  expect(await open.adapter.send(queue, [message({ body: '"after"' })])).toEqual(['accepted'])
  expect((await receiving).message.body).toBe('"after"')
  await using other = await openPostgres({ url: broker.url })
  await expect(consumerOf(other.adapter, queue)).rejects.toMatchObject({ code: 'conflict' }) // the lock came back too
})

test('a listener that was cut off listens again: nobody waits for the poll', async () => {
  await using open = await openPostgres({ url: broker.url, pollMs: 60_000 })
  await using sender = await openPostgres({ url: broker.url })
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  const receiving = consumer.receive(1, AbortSignal.timeout(20_000))
  const relistened =
    "SELECT count(*) AS n FROM pg_stat_activity WHERE query ~ '^LISTEN|^SELECT pg_try_advisory' AND pid <> pg_backend_pid()"
  const admin = new pg.Client({ connectionString: broker.url })
  admin.on('error', () => undefined)
  await admin.connect()
  const listeners = async () => Number((await admin.query(relistened)).rows[0]?.n)
  await admin.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL',
  )
  const until = Date.now() + 15_000
  while ((await listeners()) < 2 && Date.now() < until) await admin.query('SELECT pg_sleep(0.05)')
  const one = message()
  while ((await sender.adapter.send(queue, [one]).catch(() => [])).at(0) === undefined); // on a connection that was cut
  expect((await receiving).map(({ message: { id } }) => id)).toEqual([one.id])
  expect(open.faults.map(({ code }) => code)).toContain('unavailable')
  await admin.end()
})

test('a server killed under sends: what was accepted is there, what is unknown can be sent again', async () => {
  await using open = await openPostgres({ url: broker.url })
  const { adapter } = open
  const queue = await freshQueue(adapter)
  const sent = Array.from({ length: 400 }, () => message())
  const firstAnswer = adapter.send(queue, sent.slice(0, 1))
  const answers = sent.slice(1).map(async (one, index) => {
    await systemClock.sleep(index / 4) // spread over the kill
    return adapter.send(queue, [one]).catch((error: unknown) => [error])
  })
  await firstAnswer
  await systemClock.sleep(30)
  await broker.kill()
  const words = [...(await firstAnswer), ...(await Promise.all(answers)).flat()]
  await broker.restart()
  const unknown = sent.filter((_, index) => words[index] !== 'accepted')
  expect(unknown.length).toBeGreaterThan(0)
  for (const word of words)
    if (word !== 'accepted') expect(word).toMatchObject({ code: 'unavailable', retryable: true })
  const again = await adapter.send(queue, unknown)
  for (const [index, word] of again.entries()) {
    const before = words[sent.indexOf(unknown[index] ?? message())] as { maybeApplied?: boolean }
    if (word === 'duplicate') expect(before.maybeApplied).toBe(true)
    else expect(word).toBe('accepted')
  }
  expect((await adapter.stats(queue)).ready?.value).toBe(sent.length)
})
