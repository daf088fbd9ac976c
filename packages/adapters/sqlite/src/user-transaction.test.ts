import { DatabaseSync } from 'node:sqlite'
import { expect, test, vi } from 'vitest'
import { consume, Folder, idle, ids, message, take, Yard } from '../test/open-adapter.ts'

function userHandle(file: string): DatabaseSync & Disposable {
  const db = new DatabaseSync(file)
  db.exec('CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY) STRICT')
  return Object.assign(db, { [Symbol.dispose]: () => db.close() })
}

test('a send in the user’s transaction appears with its commit, and never when it is rolled back', async () => {
  await using yard = new Yard()
  const [adapter, other] = [await yard.open(), await yard.open()]
  using db = userHandle(yard.folder.file)
  const consumer = await consume(other)
  const [kept, dropped] = [message(), message()]

  db.exec("BEGIN IMMEDIATE; INSERT INTO orders VALUES ('dropped')")
  expect(await adapter.send('q', [dropped], db)).toEqual(['accepted'])
  db.exec('ROLLBACK')
  db.exec("BEGIN IMMEDIATE; INSERT INTO orders VALUES ('kept')")
  expect(await adapter.send('q', [kept, kept], db)).toEqual(['accepted', 'duplicate'])
  expect(await idle(consumer)).toEqual([])
  db.exec('COMMIT')
  expect(ids(await take(consumer))).toEqual([kept.id])
  expect(db.prepare('SELECT id FROM orders').all()).toEqual([{ id: 'kept' }])
})

test('a completion in the user’s transaction is as good as their commit: effect and job once', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  using db = userHandle(yard.folder.file)
  const lost = vi.fn()
  const consumer = await consume(adapter, { lost, leaseMs: 300 })
  await adapter.send('q', [message()])
  const [delivery] = await take(consumer)
  if (delivery === undefined) throw new Error('nothing delivered')
  const settle = () => consumer.settle([{ kind: 'complete', delivery }], db)

  db.exec('BEGIN IMMEDIATE')
  expect(await settle()).toEqual(['settled'])
  db.exec('ROLLBACK')
  expect((await adapter.stats('q')).leased?.value).toBe(1)
  db.exec("BEGIN IMMEDIATE; INSERT INTO orders VALUES ('effect')")
  expect(await settle()).toEqual(['settled'])
  db.exec('COMMIT')
  expect(await adapter.stats('q')).toMatchObject({ ready: { value: 0 }, leased: { value: 0 } })
  // A second message whose lease really ends: its `lost` comes after the first's timer, which must have stayed silent.
  const witness = message()
  await adapter.send('q', [witness])
  await take(consumer)
  await vi.waitFor(() => expect(lost).toHaveBeenCalled(), { timeout: 5_000 })
  expect(lost.mock.calls.flatMap(([deliveries]) => ids(deliveries))).toEqual([witness.id])
})

test('a stale lease answers lost inside a transaction and leaves the rest of it alone', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  using db = userHandle(yard.folder.file)
  const consumer = await consume(adapter)
  await adapter.send('q', [message()])
  const [delivery] = await take(consumer)
  if (delivery === undefined) throw new Error('nothing delivered')
  yard.host.advance(30_001)
  db.exec("BEGIN IMMEDIATE; INSERT INTO orders VALUES ('x')")
  expect(await consumer.settle([{ kind: 'complete', delivery }], db)).toEqual(['lost'])
  await expect(adapter.send('nowhere', [message()], db)).rejects.toMatchObject({ code: 'not-found' })
  db.exec('COMMIT')
  expect(db.prepare('SELECT count(*) AS n FROM orders').get()?.n).toBe(1)
})

test('a handle that cannot be right is refused before anything is written', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  using db = userHandle(yard.folder.file)
  using elsewhere = new Folder()
  using foreign = userHandle(elsewhere.file)
  foreign.exec('BEGIN IMMEDIATE')
  for (const [tx, reason] of [
    [db, /BEGIN IMMEDIATE/],
    [foreign, /same file/],
    [{} as DatabaseSync, /DatabaseSync/],
  ] as const) {
    const refused = expect(adapter.send('q', [message()], tx)).rejects
    await refused.toMatchObject({ code: 'invalid', queue: 'q', message: expect.stringMatching(reason) })
  }
  expect((await adapter.stats('q')).ready?.value).toBe(0)
})

test('a deferred transaction that cannot get the lock is told conflict, with the way out', async () => {
  await using yard = new Yard()
  const adapter = await yard.open()
  using db = userHandle(yard.folder.file)
  using blocker = userHandle(yard.folder.file)
  blocker.exec('BEGIN IMMEDIATE')
  db.exec('BEGIN')
  const refused = expect(adapter.send('q', [message()], db)).rejects
  await refused.toMatchObject({ code: 'conflict', message: expect.stringMatching(/BEGIN IMMEDIATE/) })
  db.exec('ROLLBACK')
})
