import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { BrokerError } from '@switchyard/core/adapter'
import { ADAPTER } from './errors.ts'

/** Options of `redis()`. */
export interface RedisOptions {
  /** `redis://user:password@host:6379/0`, or `rediss://…` for TLS. Query: `prefix`, `stalledIntervalMs`, `ca` (file). */
  readonly url: string
  /** First part of every key: `{prefix:queue}:…`. Up to 40 of A-Z a-z 0-9 . _ -. Default `sy`. */
  readonly prefix?: string
  /** TLS material and checks, as of `tls.connect`; only with rediss. */
  readonly tls?: ConnectionOptions
  /** How often leases that ended are looked for, 50 to 60 000; default 2 000. One look serves all workers and walks over what is leased. */
  readonly stalledIntervalMs?: number
}

/** Checked options. */
export interface Settings {
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly db: number
  /** Undefined: plain TCP. */
  readonly tls: ConnectionOptions | undefined
  readonly prefix: string
  readonly stalledIntervalMs: number
}

const OPTION_NAMES: readonly string[] = ['url', 'prefix', 'tls', 'stalledIntervalMs']
const QUERY_NAMES: readonly string[] = ['prefix', 'stalledIntervalMs', 'ca']

/**
 * Checks everything before any connection. `base` is the folder that a relative `ca` starts from. The URL is never quoted: it
 * may hold a password. @throws BrokerError `invalid`
 */
export function settingsOf(options: RedisOptions, base: string): Settings {
  for (const name of Object.keys(options))
    if (!OPTION_NAMES.includes(name))
      throw invalid(`unknown option ${JSON.stringify(name)}; there are ${OPTION_NAMES.join(', ')}`)
  const url = parse(options.url)
  for (const name of url.searchParams.keys())
    if (!QUERY_NAMES.includes(name))
      throw invalid(`unknown URL parameter ${JSON.stringify(name.slice(0, 40))}; there are ${QUERY_NAMES.join(', ')}`)
  const secure = url.protocol === 'rediss:'
  const caFile = url.searchParams.get('ca')
  if ((options.tls !== undefined || caFile !== null) && !secure)
    throw invalid('option `tls` and parameter `ca` need a rediss:// URL')
  const prefix = options.prefix ?? url.searchParams.get('prefix') ?? 'sy'
  if (!/^[A-Za-z0-9._-]{1,40}$/.test(prefix)) throw invalid('option `prefix` takes 1 to 40 of A-Z a-z 0-9 . _ -')
  const stalledIntervalMs = options.stalledIntervalMs ?? Number(url.searchParams.get('stalledIntervalMs') ?? 2_000)
  if (!Number.isInteger(stalledIntervalMs) || stalledIntervalMs < 50 || stalledIntervalMs > 60_000)
    throw invalid('option `stalledIntervalMs` takes a whole number from 50 to 60000')
  const database = url.pathname.replace(/^\//, '')
  if (!/^\d{0,4}$/.test(database)) throw invalid('the path of the URL is the number of the database, as in /0')
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return {
    host: hostname,
    port: url.port === '' ? 6379 : Number(url.port),
    username: url.username === '' ? undefined : decode(url.username),
    password: url.password === '' ? undefined : decode(url.password),
    db: Number(database === '' ? 0 : database),
    tls: secure
      ? { ...namedOf(hostname), ...(caFile === null ? {} : { ca: read(base, caFile) }), ...options.tls }
      : undefined,
    prefix,
    stalledIntervalMs,
  }
}

/** ioredis does not derive the name for SNI; addresses have none. */
function namedOf(hostname: string): ConnectionOptions {
  return /[a-z]/i.test(hostname) && !hostname.includes(':') ? { servername: hostname } : {}
}

function read(base: string, path: string): string {
  try {
    return readFileSync(resolve(base, path), 'utf8')
  } catch {
    throw invalid(`parameter \`ca\`: the file ${JSON.stringify(path)} cannot be read`)
  }
}

function parse(text: unknown): URL {
  const expected = 'redis://user:password@host:6379/0 (percent-encode special characters)'
  if (typeof text !== 'string' || !URL.canParse(text))
    throw invalid(`option \`url\` cannot be read; expected ${expected}`)
  const url = new URL(text)
  if (!/^rediss?:$/.test(url.protocol) || url.hostname === '')
    throw invalid(`option \`url\` is no Redis URL; expected ${expected}`)
  return url
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('user and password in the URL must be percent-encoded')
  }
}

function invalid(message: string): BrokerError {
  return new BrokerError({ adapter: ADAPTER, code: 'invalid', message })
}
