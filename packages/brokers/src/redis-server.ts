import { randomBytes } from 'node:crypto'
import { chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findProgram } from './find-program.ts'
import { freePorts } from './free-ports.ts'
import type { InstanceSite, ServerPlan, ServerRecipe } from './local-server.ts'
import { redisCommand } from './redis-command.ts'
import type { BrokerRung } from './running-broker.ts'
import { serviceUser } from './service-user.ts'

/** The `redis-server` program, or undefined. */
export function findRedis(): string | undefined {
  return findProgram('redis-server', ['/usr/bin', '/opt/homebrew/bin', '/usr/local/bin'])
}

/**
 * Runs Redis with an append-only file and without eviction: what a job queue needs. (By default Redis keeps snapshots
 * only, and a kill loses everything since the last one: chaos.md K1.)
 */
export function redisRecipe(program: string, rung: BrokerRung): ServerRecipe {
  return { kind: 'redis', rung, users: [serviceUser('redis')], plan: (site) => plan(site, program) }
}

async function plan(site: InstanceSite, program: string): Promise<ServerPlan> {
  const [port = 0] = await freePorts(1)
  const password = randomBytes(12).toString('hex')
  const url = `redis://default:${password}@127.0.0.1:${port}`
  const data = join(site.dir, 'data')
  const config = join(site.dir, 'redis.conf')
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${data}`,
    'daemonize no',
    'save ""',
    'appendonly yes',
    'appendfsync everysec', // survives a kill of the server; a power cut may cost a second
    'maxmemory-policy noeviction',
    'enable-debug-command local', // DEBUG SLEEP and friends, for chaos; the address is loopback
  ]
  await mkdir(data)
  await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 })
  const { uid, gid } = site.user
  if (uid !== undefined && gid !== undefined) for (const path of [data, config]) await chown(path, uid, gid)
  return {
    url,
    helpers: [],
    server: { file: program, args: [config], env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, ...site.user },
    probe: () => askRedis(url),
    endSignal: 'SIGTERM',
    readyMs: 30_000,
  }
}

/** The version of the server at `url`; rejects when it does not answer, or is still loading, within two seconds. */
export async function askRedis(url: string): Promise<string> {
  // LOADING answers INFO but not commands on data
  await redisCommand(url, ['EXISTS', 'switchyard:probe'])
  const info = await redisCommand(url, ['INFO', 'server'])
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
}
