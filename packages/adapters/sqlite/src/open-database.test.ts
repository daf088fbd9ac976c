import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { Folder, message, testHost } from '../test/open-adapter.ts'
import { adapterFromUrl, sqlite } from './index.ts'
import { openDatabase } from './open-database.ts'
import { APPLICATION_ID } from './schema.ts'
import { SqliteAdapter } from './sqlite-adapter.ts'

const SPEC = { name: 'q', leaseMs: 30_000, ordered: false, dedupeMs: 0 }

test('a new file and all that belongs to it can be read by its owner only', async () => {
  using folder = new Folder()
  const adapter = await sqlite({ file: folder.file })(testHost())
  await adapter.declare(SPEC)
  await adapter.send('q', [message()])
  for (const name of [folder.file, `${folder.file}-wal`, `${folder.file}-shm`, `${folder.file}-bells/1`]) {
    expect([name, statSync(name).mode & 0o777]).toEqual([name, 0o600])
  }
  expect(statSync(`${folder.file}-bells`).mode & 0o777).toBe(0o700)
  await adapter.close()
  // Bytes 68-71 of the header (sqlite.org/fileformat.html): what file(1) shows.
  expect(readFileSync(folder.file).readUInt32BE(68)).toBe(APPLICATION_ID)
})

test('the user’s own database is taken as it is: tables, user_version and application_id stay', async () => {
  using folder = new Folder()
  const db = new DatabaseSync(folder.file)
  db.exec('CREATE TABLE mine (x)')
  db.exec('PRAGMA user_version = 41; PRAGMA application_id = 42')
  db.close()
  await (await sqlite({ file: folder.file })(testHost())).close()
  const again = new DatabaseSync(folder.file)
  expect(again.prepare('PRAGMA user_version').get()).toEqual({ user_version: 41 })
  expect(again.prepare('PRAGMA application_id').get()).toEqual({ application_id: 42 })
  again.close()
})

test('a file written by a newer version is refused, untouched', async () => {
  using folder = new Folder()
  await (await sqlite({ file: folder.file })(testHost())).close()
  const db = new DatabaseSync(folder.file)
  db.exec("UPDATE switchyard_meta SET value = 99 WHERE key = 'schema'")
  db.close()
  await fails(folder.file, 'version', /schema 99.*upgrade/)
})

test('what cannot be a database says which file, and what to do', async () => {
  using folder = new Folder()
  writeFileSync(folder.file, 'this is a letter, not a database. '.repeat(200))
  await fails(folder.file, 'corrupt', /not a SQLite database/)
  await fails(folder.path, 'invalid', /is a folder/)
  await fails(join(folder.path, 'missing', 'jobs.db'), 'unavailable', /does not exist/)
  await fails(join(folder.file, 'jobs.db'), 'invalid', /a file, not a folder/)
})

test('a damaged page is told as corrupt', async () => {
  using folder = new Folder()
  const adapter = await sqlite({ file: folder.file })(testHost())
  await adapter.declare(SPEC)
  for (let round = 0; round < 20; round += 1)
    await adapter.send(
      'q',
      Array.from({ length: 50 }, () => message()),
    )
  await adapter.close()
  const bytes = readFileSync(folder.file)
  bytes.fill(0xa5, 4_096 * 2)
  writeFileSync(folder.file, bytes)
  await fails(folder.file, 'corrupt', /damaged/, async (damaged) => {
    await damaged.send('q', [message()])
  })
})

test('a full disk refuses the send, keeps what was there, and works again when there is room', async () => {
  using folder = new Folder()
  // max_page_count belongs to a connection, so that the test needs the adapter's own.
  const host = testHost()
  const database = await openDatabase(folder.file, host, false)
  const { db } = database
  const adapter = new SqliteAdapter(database, host)
  await adapter.declare(SPEC)
  await adapter.send('q', [message()])
  const pages = Number(db.prepare('PRAGMA page_count').get()?.page_count)
  db.exec(`PRAGMA max_page_count = ${pages}`)
  const big = message({ body: JSON.stringify('x'.repeat(100_000)) })
  const outcomes = await Promise.allSettled([adapter.send('q', [big]), adapter.send('q', [message()])])
  expect(outcomes[0]).toMatchObject({ reason: { code: 'full', queue: 'q', retryable: true, maybeApplied: false } })
  expect(outcomes[1]).toMatchObject({ value: ['accepted'] })
  db.exec('PRAGMA max_page_count = 1073741823')
  expect(await adapter.send('q', [big])).toEqual(['accepted'])
  expect((await adapter.stats('q')).ready?.value).toBe(3)
  await adapter.close()
})

test('a lock that somebody keeps ends in timeout, at connect and later, and nothing was applied', async () => {
  using folder = new Folder()
  const adapter = await sqlite({ file: folder.file })(testHost({ callDeadlineMs: 100 }))
  await adapter.declare(SPEC)
  const blocker = new DatabaseSync(folder.file)
  blocker.exec('BEGIN IMMEDIATE')
  const timeout = { code: 'timeout', maybeApplied: false, message: expect.stringContaining(folder.file) }
  await expect(adapter.send('q', [message()])).rejects.toMatchObject(timeout)
  await expect(sqlite({ file: folder.file })(testHost({ connectDeadlineMs: 100 }))).rejects.toMatchObject(timeout)
  const waiting = adapter.send('q', [message()])
  blocker.exec('COMMIT')
  expect(await waiting).toEqual(['accepted'])
  expect((await adapter.stats('q')).ready?.value).toBe(1)
  blocker.close()
  await adapter.close()
})

test('a file that is deleted or replaced under an open connection stops taking messages', async () => {
  using folder = new Folder()
  const adapter = await sqlite({ file: folder.file })(testHost())
  await adapter.declare(SPEC)
  renameSync(folder.file, `${folder.file}.away`)
  const gone = { code: 'unavailable', retryable: false, message: expect.stringMatching(/deleted or replaced/) }
  await expect(adapter.send('q', [message()])).rejects.toMatchObject(gone)
  renameSync(`${folder.file}.away`, folder.file)
  expect(await adapter.send('q', [message()])).toEqual(['accepted'])
  await adapter.close()
})

test('a file that cannot be written is told at connect', async () => {
  using folder = new Folder()
  await (await sqlite({ file: folder.file })(testHost())).close()
  chmodSync(folder.file, 0o444)
  chmodSync(folder.path, 0o555)
  if (process.getuid?.() !== 0) {
    await fails(folder.file, 'read-only', /cannot be written/)
    chmodSync(folder.path, 0o755)
    return
  }
  // Rights do not bind root: a child gives up being root once it has loaded what only root may be able to read.
  const script = `import { sqlite } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    import { silentLogger, systemClock } from ${JSON.stringify(import.meta.resolve('@switchyard/core/adapter'))}
    process.setgroups([]); process.setgid(65534); process.setuid(65534)
    const host = { clock: systemClock, log: silentLogger, callDeadlineMs: 1000, connectDeadlineMs: 1000, report() {} }
    const factory = sqlite({ file: ${JSON.stringify(folder.file)} })
    await factory(host).then(() => console.log('opened'), (error) => console.log(error.code, error.message))`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(child.stdout).toMatch(/^read-only .*cannot be written/)
})

test('a URL names the file, relative to the base, and its folder is made', async () => {
  using folder = new Folder()
  const spaced = join(folder.path, 'a b')
  for (const [url, base] of [
    ['sqlite:deep/er/jobs.db', folder.path],
    [`sqlite:${folder.path}/abs/jobs.db`, undefined],
    [`sqlite://${encodeURI(spaced)}/jobs.db`, undefined],
  ] as const) {
    await (await adapterFromUrl(url, base)(testHost())).close()
  }
  for (const file of [
    join(folder.path, 'deep/er/jobs.db'),
    join(folder.path, 'abs/jobs.db'),
    join(spaced, 'jobs.db'),
  ]) {
    expect(statSync(file).isFile()).toBe(true)
  }
  for (const url of [
    'sqlite:',
    'sqlite::memory:',
    'sqlite://host/jobs.db',
    'postgres://x',
    'sqlite:///a%zz',
    'sqlite:a\0b',
  ]) {
    expect(() => adapterFromUrl(url, folder.path)).toThrow(expect.objectContaining({ code: 'invalid' }))
  }
  expect(() => sqlite({ file: 'x', wal: true } as { file: string })).toThrow(/unknown option wal/)
})

test('many connections may create one file at the same moment', async () => {
  using folder = new Folder()
  const adapters = await Promise.all(Array.from({ length: 8 }, () => sqlite({ file: folder.file })(testHost())))
  await Promise.all(adapters.map((adapter) => adapter.declare(SPEC)))
  await Promise.all(adapters.map((adapter) => adapter.send('q', [message()])))
  expect((await adapters[0]?.stats('q'))?.ready?.value).toBe(8)
  await Promise.all(adapters.map((adapter) => adapter.close()))
})

type Opened = Awaited<ReturnType<ReturnType<typeof sqlite>>>

async function fails(file: string, code: string, text: RegExp, use = async (_adapter: Opened) => {}): Promise<void> {
  const attempt = async () => {
    const adapter = await sqlite({ file })(testHost({ connectDeadlineMs: 500 }))
    try {
      await use(adapter)
    } finally {
      await adapter.close()
    }
  }
  const message = expect.stringContaining(file)
  await expect(attempt()).rejects.toMatchObject({ name: 'BrokerError', adapter: 'sqlite', code, message })
  await expect(attempt()).rejects.toThrow(text)
}
