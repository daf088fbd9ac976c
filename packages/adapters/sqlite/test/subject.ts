import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Subject } from '@switchyard/conformance'
import { sqlite } from '@switchyard/sqlite'

/** SQLite under the shared cases: one file in a folder of its own; child processes open the same file. */
export const subject: Subject = {
  name: 'sqlite',
  open: (options) => sqlite({ file: String(options) }),
  async start() {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-sqlite-'))
    const file = join(folder, 'jobs.db')
    return {
      options: file,
      shared: true,
      version: process.versions.sqlite ?? 'unknown',
      begin: async () => begin(file),
      absent: 'embedded: there is no connection to cut and no server to restart',
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    }
  },
}

/** A transaction of the user: BEGIN on a handle of their own on the same file. */
function begin(file: string): { tx: DatabaseSync; commit(): Promise<void>; rollback(): Promise<void> } {
  const tx = new DatabaseSync(file, { timeout: 5_000 })
  tx.exec('BEGIN IMMEDIATE')
  const end = async (statement: 'COMMIT' | 'ROLLBACK') => {
    tx.exec(statement)
    tx.close()
  }
  return { tx, commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') }
}
