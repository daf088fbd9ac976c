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
