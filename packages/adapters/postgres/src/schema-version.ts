import { BrokerError } from '@switchyard/core/adapter'
import type { Database } from './database.ts'

/** The schema of pg-boss 12.35.0 (`pgboss.schema` in its package.json). Pinned by test/pinned.test.ts. */
export const KNOWN_SCHEMA = 43

/** PostgreSQL 13 is the oldest that pg-boss 12 runs on (its README). */
const LEAST_SERVER = 130_000

/**
 * Refuses, with code `version` and before anything is written, a server that is too old and a schema that a newer pg-boss
 * has migrated: pg-boss itself would go on and work on tables that it does not know.
 */
export async function assertKnownSchema(database: Database, schema: string): Promise<void> {
  const server = await database.executeSql(
    "SELECT current_setting('server_version_num')::int AS version, to_regclass($1) AS installed",
    [`${schema}.version`],
  )
  const { version, installed } = server.rows[0] as { version: number; installed: string | null }
  if (version < LEAST_SERVER) throw refused(`the server is PostgreSQL ${version / 10_000}; 13 or newer is needed`)
  if (installed === null) return
  const { rows } = await database.executeSql(`SELECT version FROM ${schema}.version`)
  const found = Number((rows[0] as { version?: unknown } | undefined)?.version ?? Number.NaN)
  if (found > KNOWN_SCHEMA)
    throw refused(
      `schema ${JSON.stringify(schema)} has pg-boss version ${found}, newer than ${KNOWN_SCHEMA} that this adapter knows; update @switchyard/postgres, or take another schema`,
    )
}

function refused(message: string): BrokerError {
  return new BrokerError({ code: 'version', adapter: 'postgres', message })
}
