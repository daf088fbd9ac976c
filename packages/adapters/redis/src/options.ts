import type { ConnectionOptions } from 'node:tls'
import { BrokerError } from '@switchyard/core/adapter'
import { ADAPTER } from './errors.ts'

/** Options of `redis()`. */
export interface RedisOptions {
  /** `redis://user:password@host:6379/0`, or `rediss://…` for TLS. Query: `prefix`, `stalledIntervalMs`. */
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
const QUERY_NAMES: readonly string[] = ['prefix', 'stalledIntervalMs']

/** Checks everything before any I/O. The URL is never quoted: it may hold a password. @throws BrokerError `invalid` */
export function settingsOf(options: RedisOptions): Settings {
  for (const name of Object.keys(options))
    if (!OPTION_NAMES.includes(name))
      throw invalid(`unknown option ${JSON.stringify(name)}; there are ${OPTION_NAMES.join(', ')}`)
  const url = parse(options.url)
  for (const name of url.searchParams.keys())
    if (!QUERY_NAMES.includes(name))
      throw invalid(`unknown URL parameter ${JSON.stringify(name.slice(0, 40))}; there are ${QUERY_NAMES.join(', ')}`)
  const secure = url.protocol === 'rediss:'
  if (options.tls !== undefined && !secure) throw invalid('option `tls` needs a rediss:// URL')
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
    // the name for SNI is not derived by ioredis when host and tls are given apart
    tls: secure ? { ...(/[a-z]/i.test(hostname) ? { servername: hostname } : {}), ...options.tls } : undefined,
    prefix,
    stalledIntervalMs,
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
