import { resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { AdapterFactory } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { openDatabase } from './open-database.ts'
import { SqliteAdapter } from './sqlite-adapter.ts'

/** Where the queues are. */
export interface SqliteOptions {
  /** Path of the database file, relative to the working directory; created (0600) when missing. It may hold tables of yours too. */
  readonly file: string
  /** Also create missing folders. Default false: a wrong path should say so. */
  readonly createFolder?: boolean
}

const OPTIONS: ReadonlySet<string> = new Set(['file', 'createFolder'])

/**
 * The embedded broker: durable queues in one SQLite file, shared by any number of processes on one machine. `tx` is a DatabaseSync of
 * yours on the same file, inside BEGIN IMMEDIATE. Throws BrokerError `invalid` for options that cannot be right; opening
 * rejects with `corrupt`, `read-only`, `version`, `timeout`, `unavailable`, `forbidden`, `invalid` or `full`, and names the file.
 */
export function sqlite(options: SqliteOptions): AdapterFactory<DatabaseSync> {
  const unknown = Object.keys(options).filter((option) => !OPTIONS.has(option))
  if (unknown.length > 0) throw invalid(`unknown option ${unknown.join(', ')}: there are ${[...OPTIONS].join(', ')}`)
  const { file, createFolder = false } = options
  if (typeof file !== 'string' || file === '') throw invalid('option file is missing: give the path of the database')
  if (file.includes('\0')) throw invalid('option file contains a NUL character: give a path')
  if (file === ':memory:') throw invalid('a database in memory cannot be shared: use the memory: adapter or a file')
  const path = resolve(file)
  return async (host) => new SqliteAdapter(await openDatabase(path, host, createFolder), host)
}

function invalid(message: string): BrokerError {
  return new BrokerError({ code: 'invalid', adapter: 'sqlite', message })
}
