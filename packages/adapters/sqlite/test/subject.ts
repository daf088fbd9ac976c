import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Subject } from '@switchyard/conformance'
import { sqlite } from '@switchyard/sqlite'

/** SQLite under the shared cases: one file in a folder of its own; child processes open the same file. */
export const subject: Subject = {
  name: 'sqlite',
  open: (options) => sqlite({ file: String(options) }),
  async start() {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-sqlite-'))
    return {
      options: join(folder, 'jobs.db'),
      shared: true,
      absent: 'embedded: there is no connection to cut and no server to restart',
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    }
  },
}
