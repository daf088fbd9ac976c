import { closeSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { AdapterHost } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { isBusy, mapSqliteError } from './map-sqlite-error.ts'
import { migrate, refuseNewer, SCHEMA_VERSION, schemaVersion } from './schema.ts'

/** Longest random pause before the write lock is asked for again, in ms: measured in research/seam.md 5 (b). */
export const LOCK_RETRY_MS = 8

/** An open file, and which one it is. */
export interface OpenDatabase {
  readonly db: DatabaseSync
  /** Absolute and without links, so that a user's handle on the same file can be recognised. */
  readonly file: string
  readonly inode: bigint
  readonly device: bigint
}

/**
 * Opens or creates the file (0600; SQLite gives -wal and -shm the same rights), proves that it can be written, and brings the
 * schema up to date. Waits for other processes without blocking the event loop, for at most `host.connectDeadlineMs`.
 */
export async function openDatabase(file: string, host: AdapterHost, createFolder: boolean): Promise<OpenDatabase> {
  const context = { file, doing: 'opening' }
  try {
    if (createFolder) mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    createFile(file)
  } catch (error) {
    throw mapSqliteError(error, context)
  }
  const deadline = host.clock.now() + host.connectDeadlineMs
  for (;;) {
    let db: DatabaseSync | null = null
    try {
      db = new DatabaseSync(file, { timeout: 0 })
      prepare(db, file)
      const real = realpathSync(file)
      const { ino, dev } = statSync(real, { bigint: true })
      return { db, file: real, inode: ino, device: dev }
    } catch (error) {
      db?.close()
      if (!isBusy(error)) throw mapSqliteError(error, context)
      if (host.clock.now() >= deadline) throw lockedTooLong(file, host.connectDeadlineMs, error)
    }
    await host.clock.sleep(host.clock.random() * LOCK_RETRY_MS)
  }
}

function createFile(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false })
  if (found?.isDirectory()) {
    throw new BrokerError({
      code: 'invalid',
      adapter: 'sqlite',
      message: `${file} is a folder: name a file in it, for example sqlite:${file}/jobs.db`,
    })
  }
  if (found !== undefined) return
  if (statSync(dirname(file), { throwIfNoEntry: false }) === undefined) {
    throw new BrokerError({
      code: 'unavailable',
      retryable: false,
      adapter: 'sqlite',
      message: `the folder of ${file} does not exist: create it, or use a sqlite: URL, which does`,
    })
  }
  // 'a' and not 'wx': another process may create it at the same moment, and neither may empty it.
  closeSync(openSync(file, 'a', 0o600))
}

function prepare(db: DatabaseSync, file: string): void {
  db.exec('PRAGMA busy_timeout = 0')
  const found = schemaVersion(db)
  refuseNewer(found, file)
  const mode = db.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode
  if (mode !== 'wal') {
    throw new BrokerError({
      code: 'unsupported',
      adapter: 'sqlite',
      message: `${file} cannot use write-ahead logging (journal mode stays ${String(mode)}): put it on a local disk`,
    })
  }
  // Page cache of 16 MiB: the hot ends of the indexes stay in memory at a million waiting messages.
  db.exec('PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864; PRAGMA synchronous = FULL')
  // Also taken when nothing is to be migrated: the cheapest proof that the file can be written at all.
  db.exec('BEGIN IMMEDIATE')
  if (found < SCHEMA_VERSION) migrate(db, file)
  db.exec('COMMIT')
}

function lockedTooLong(file: string, waitedMs: number, cause: unknown): BrokerError {
  return new BrokerError({
    code: 'timeout',
    adapter: 'sqlite',
    message: `another process has held the lock of ${file} for ${waitedMs} ms: end the transaction or tool that keeps it`,
    cause,
  })
}
