import { startBroker } from '@switchyard/brokers'
import type { Subject } from '@switchyard/conformance'
import { postgres } from '@switchyard/postgres'
import pg from 'pg'

/** Postgres under the shared cases: a private server; a cut ends every session but the one that asks for it. */
export const subject: Subject = {
  name: 'postgres',
  open: (url) => postgres({ url: String(url), monitorIntervalMs: 1_000 }) as ReturnType<Subject['open']>,
  async start() {
    const broker = await startBroker('postgres')
    return {
      options: broker.url,
      shared: true,
      version: await versionOf(broker.url),
      begin: () => begin(broker.url),
      unreachable: () => `postgres://nobody:${SECRET}@127.0.0.1:1/nowhere`,
      forbidden: () => {
        const url = new URL(broker.url)
        // A private server trusts every password, but no unknown role.
        url.username = 'nobody'
        url.password = SECRET
        return url.href
      },
      secrets: [SECRET],
      cut: () => terminateAll(broker.url),
      ...(broker.controllable
        ? {
            restart: async () => {
              await broker.kill()
              await broker.restart()
            },
          }
        : { absent: `${broker.rung}: not ours to kill` }),
      [Symbol.asyncDispose]: () => broker.stop(),
    }
  },
}

const SECRET = 'hush-7d1f'

async function versionOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ readonly server_version: string }>('SHOW server_version')
    return rows[0]?.server_version ?? 'unknown'
  } finally {
    await client.end()
  }
}

/** A transaction of the user, on a connection of their own. */
async function begin(url: string): Promise<{ tx: pg.Client; commit(): Promise<void>; rollback(): Promise<void> }> {
  const tx = new pg.Client({ connectionString: url })
  await tx.connect()
  await tx.query('BEGIN')
  const end = async (statement: 'COMMIT' | 'ROLLBACK') => {
    await tx.query(statement)
    await tx.end()
  }
  return { tx, commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') }
}

async function terminateAll(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
  } finally {
    await client.end()
  }
}
