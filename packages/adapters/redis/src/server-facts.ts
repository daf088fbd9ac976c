import { BrokerError, type Capability, native } from '@switchyard/core/adapter'
import type { Redis } from 'ioredis'
import { ADAPTER } from './errors.ts'

/** What an accepted message outlives on this server. */
export type Durability = Capability<'nothing' | 'process' | 'broker-kill' | 'power-loss'>

/** What the server says about itself. */
export interface ServerFacts {
  readonly version: string
  readonly survives: Durability
  /** What an operator must hear: what is set in a way that loses jobs. */
  readonly warnings: readonly string[]
}

/** The oldest server accepted; tried on 7.0. */
const OLDEST = [6, 2] as const

/** By `appendfsync`, where an append-only file is kept (Redis documentation, "Redis persistence"; aof.c). */
export const DURABILITIES: Readonly<Record<string, Durability>> = {
  always: native('power-loss', 'appendfsync always: every write is on disk before it is answered'),
  everysec: native(
    'broker-kill',
    'appendfsync everysec: written before it is answered, on disk within a second; a power cut loses up to a second, and a kill while the disk stalls up to two',
  ),
  no: native(
    'broker-kill',
    'appendfsync no: written before it is answered, on disk when the system likes; a power cut may lose 30 s',
  ),
  unknown: native(
    'broker-kill',
    'an append-only file is kept; whether it is on disk at once is not visible to this user (CONFIG GET)',
  ),
}

/**
 * Asks the server, so that the manifest does not promise what its configuration gave away.
 * @throws BrokerError `version` for a server that is too old, `unsupported` for a node of a cluster
 */
export async function serverFacts(redis: Redis): Promise<ServerFacts> {
  const info = await redis.info()
  const read = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]
  const version = read('redis_version') ?? 'unknown'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    throw refused('version', `the server is Redis ${version}; ${OLDEST.join('.')} or newer is needed`)
  if (read('redis_mode') === 'cluster')
    throw refused(
      'unsupported',
      'this is a node of a Redis Cluster, which this adapter does not speak to; use a single server',
    )
  const policy = read('maxmemory_policy')
  const evicts = policy !== undefined && policy !== 'noeviction'
  const warnings: string[] = []
  if (evicts) warnings.push(`maxmemory-policy is ${policy}: Redis may throw jobs away. Set it to noeviction.`)
  const survives = await durability(redis, read('aof_enabled') === '1', evicts && policy.startsWith('allkeys'))
  if (survives.value === 'nothing' || survives.value === 'process') warnings.push(survives.why)
  return { version, survives, warnings }
}

async function durability(redis: Redis, aof: boolean, evictsJobs: boolean): Promise<Durability> {
  if (evictsJobs) return native('nothing', 'maxmemory-policy evicts any key: a full server throws jobs away')
  if (!aof)
    return native(
      'process',
      'appendonly is no: a killed server forgets everything since its last snapshot. Set appendonly yes.',
    )
  // managed services often have no CONFIG
  const answer = await redis.config('GET', 'appendfsync').catch(() => [])
  const fsync = Array.isArray(answer) ? String(answer[1]) : 'unknown'
  return DURABILITIES[fsync] ?? (DURABILITIES.unknown as Durability)
}

function refused(code: 'version' | 'unsupported', message: string): BrokerError {
  return new BrokerError({ adapter: ADAPTER, code, message })
}
