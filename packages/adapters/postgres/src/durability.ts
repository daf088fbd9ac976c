import type { Capability } from '@switchyard/core/adapter'
import { native } from '@switchyard/core/adapter'
import type { Database } from './database.ts'

/** What an accepted message outlives, by the settings of our own sessions (PostgreSQL documentation 20.5). */
export type Durability = Capability<'process' | 'broker-kill' | 'power-loss'>

/** The usual settings: a commit is on disk before it is answered. */
export const DURABLE: Durability = native(
  'power-loss',
  'a commit is in the WAL on disk: fsync and synchronous_commit are on',
)

/** Asks the server, so that the manifest does not promise what its configuration gave away. */
export async function durabilityOf(database: Database): Promise<Durability> {
  const { rows } = await database.executeSql(
    "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commits",
  )
  const { fsync, commits } = rows[0] as { readonly fsync: string; readonly commits: string }
  if (commits === 'off') return native('process', 'synchronous_commit is off: a killed server forgets its last commits')
  if (fsync === 'off') return native('broker-kill', 'fsync is off: a power cut may lose or break everything')
  return DURABLE
}
