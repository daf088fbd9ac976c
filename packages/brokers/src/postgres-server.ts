import { randomBytes } from 'node:crypto'
import { chmod, chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { findProgram } from './find-program.ts'
import { freePorts } from './free-ports.ts'
import type { InstanceSite, ServerPlan, ServerRecipe } from './local-server.ts'
import type { BrokerRung } from './running-broker.ts'
import { serviceUser } from './service-user.ts'

const FOLDERS = ['/usr/lib/postgresql/*/bin', '/usr/local/pgsql/bin', '/opt/homebrew/opt/postgresql@18/bin']

/** The folder with `postgres` and `initdb`, or undefined. */
export function findPostgres(): string | undefined {
  const initdb = findProgram('initdb', FOLDERS)
  return initdb?.slice(0, -'/initdb'.length)
}

/** Runs PostgreSQL from a folder of binaries. Durability settings stay at their defaults (fsync on): they are under test. */
export function postgresRecipe(binDir: string, rung: BrokerRung): ServerRecipe {
  return { kind: 'postgres', rung, users: [serviceUser('postgres')], plan: (site) => plan(site, binDir) }
}

async function plan(site: InstanceSite, binDir: string): Promise<ServerPlan> {
  const [port = 0] = await freePorts(1)
  const password = randomBytes(12).toString('hex')
  const url = `postgres://switchyard:${password}@127.0.0.1:${port}/switchyard`
  const data = join(site.dir, 'data')
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
  const secret = join(site.dir, 'password')
  await writeFile(secret, `${password}\n`)
  await chmod(secret, 0o600)
  if (site.user.uid !== undefined && site.user.gid !== undefined) await chown(secret, site.user.uid, site.user.gid)
  await site.run({
    name: 'initdb',
    file: join(binDir, 'initdb'),
    // --no-sync: a fresh cluster can be made again; what is written later is synced as usual
    args: [
      '-D',
      data,
      '-U',
      'switchyard',
      '-A',
      'scram-sha-256',
      `--pwfile=${secret}`,
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
    ],
    env,
  })
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: data.length < 80 ? data : '', // a socket path holds 107 bytes
    max_connections: '200',
    shared_buffers: '64MB',
    logging_collector: 'off',
  }
  return {
    url,
    helpers: [],
    server: {
      file: join(binDir, 'postgres'),
      args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      env,
      ...site.user,
    },
    probe: () => askPostgres(url.replace(/switchyard$/, 'postgres')),
    prepare: () => query(url.replace(/switchyard$/, 'postgres'), 'CREATE DATABASE switchyard').then(() => undefined),
    endSignal: 'SIGINT', // fast shutdown: it does not wait for clients
    readyMs: 30_000,
  }
}

/** The version of the server at `url`; rejects when it does not answer within two seconds. */
export async function askPostgres(url: string): Promise<string> {
  const rows = await query(url, 'SHOW server_version')
  return rows[0]?.server_version?.split(' ')[0] ?? 'unknown'
}

async function query(url: string, sql: string): Promise<readonly Readonly<Record<string, string>>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 20_000 })
  client.on('error', () => undefined) // a cut connection also fails the call under way
  try {
    await client.connect()
    const result = await client.query<Record<string, string>>(sql)
    return result.rows
  } finally {
    await client.end().catch(() => undefined)
  }
}
