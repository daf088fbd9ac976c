import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { consume, Folder, ids, message, take, testHost } from '../test/open-adapter.ts'
import { openDatabase } from './open-database.ts'
import { SqliteAdapter } from './sqlite-adapter.ts'
import { Writer } from './writer.ts'

const FULL = 2
const NORMAL = 1

test('what would lose a message is flushed, what would only repeat work is not', async () => {
  using folder = new Folder()
  const database = await openDatabase(folder.file, testHost(), false)
  const adapter = new SqliteAdapter(database, testHost())
  const mode = () => database.db.prepare('PRAGMA synchronous').get()?.synchronous
  await adapter.declare({ name: 'q', leaseMs: 30_000, ordered: false, dedupeMs: 0 })
  const consumer = await consume(adapter)
  for (const kind of ['retry', 'release', 'move', 'complete'] as const) {
    await adapter.send('q', [message()])
    expect([kind, 'send', mode()]).toEqual([kind, 'send', FULL])
    const [delivery] = await take(consumer, 1)
    if (delivery === undefined) throw new Error('nothing delivered')
    expect(mode()).toBe(NORMAL)
    await consumer.extend([delivery])
    expect(mode()).toBe(NORMAL)
    const settlement = {
      complete: {},
      retry: { delayMs: 1e6 },
      release: { delayMs: 1e6 },
      move: { to: 'q', message: message({ delayMs: 1e6 }) },
    }
    await consumer.settle([{ kind, delivery, ...settlement[kind] } as Parameters<typeof consumer.settle>[0][number]])
    expect([kind, mode()]).toEqual([kind, kind === 'complete' ? NORMAL : FULL])
  }
  await adapter.close()
})

test('what is asked for in one turn shares one transaction, and a failure in it concerns nobody else', async () => {
  using folder = new Folder()
  const host = testHost()
  const database = await openDatabase(folder.file, host, false)
  const writer = new Writer(database, host, () => {})
  const reader = new DatabaseSync(folder.file)
  const tables = () =>
    reader
      .prepare('SELECT name FROM sqlite_schema WHERE length(name) = 1 ORDER BY name')
      .all()
      .map(({ name }) => name)
  const work = (table: string) => ({
    ...{ doing: 'test', queue: 'q', full: false, weight: 1 },
    run: () => {
      database.db.exec(`CREATE TABLE ${table} (x)`)
      return tables()
    },
  })
  // Nobody else sees the first before the last has been carried out.
  expect(await Promise.all(['a', 'b', 'c'].map((table) => writer.submit(work(table))))).toEqual([[], [], []])
  const outcomes = await Promise.allSettled(['d', 'a', 'e'].map((table) => writer.submit(work(table))))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(tables()).toEqual(['a', 'b', 'c', 'd', 'e'])
  reader.close()
  await writer.close()
  database.db.close()
})

test('a release at once keeps its place, a retry queues up again', async () => {
  using folder = new Folder()
  const host = testHost()
  const adapter = new SqliteAdapter(await openDatabase(folder.file, host, false), host)
  await adapter.declare({ name: 'q', leaseMs: 30_000, ordered: false, dedupeMs: 0 })
  const consumer = await consume(adapter)
  const [a, b, c] = [message(), message(), message()]
  await adapter.send('q', [a, b, c])
  const [first, second] = await take(consumer, 2)
  if (first === undefined || second === undefined) throw new Error('nothing delivered')
  host.advance(10)
  await consumer.settle([
    { kind: 'retry', delivery: first, delayMs: 0 },
    { kind: 'release', delivery: second, delayMs: 0 },
  ])
  expect(ids(await take(consumer))).toEqual([b.id, c.id, a.id])
  await adapter.close()
})
