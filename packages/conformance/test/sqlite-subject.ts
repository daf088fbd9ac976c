import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from '@switchyard/sqlite'
import { mutants } from '../src/mutants/index.ts'
import type { Json, Subject } from '../src/subject.ts'

/** SQLite under the mutant that `options` names (none: healthy). The name travels with the file, so that child processes are broken alike. */
export function sqliteUnder(mutant: string | null): Subject {
  return {
    name: `sqlite under ${mutant ?? 'nothing'}`,
    open(options: Json) {
      const [file, id] = options as readonly [string, string | null]
      const healthy = sqlite({ file }) as ReturnType<Subject['open']>
      return mutants.find((one) => one.id === id)?.sabotage(healthy) ?? healthy
    },
    async start() {
      const folder = await mkdtemp(join(tmpdir(), 'switchyard-conformance-'))
      return {
        options: [join(folder, 'jobs.db'), mutant],
        shared: true,
        absent: 'embedded: no connection and no server',
        [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
      }
    },
  }
}

/** What the child processes import. */
export const subject: Subject = sqliteUnder(null)
