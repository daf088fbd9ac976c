import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { BrokerError } from '@switchyard/core/adapter'
import type { PoolConfig } from 'pg'

/** How to reach Postgres, and the few settings that change what the manifest declares. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=…`. Query: sslmode, sslrootcert, sslcert, sslkey, application_name, channel_binding, schema, connections, monitorIntervalMs, pollMs. */
  readonly url: string
  /** Called for every new connection instead of the URL's password (IAM tokens, rotating secrets). */
  readonly password?: () => string | Promise<string>
  /** Schema of the pg-boss tables, ours alone. Default `switchyard`. Lower case letters, digits and `_`, at most 50. */
  readonly schema?: string
  /** Pooled connections at most, besides the one for notifications. Default 8. */
  readonly connections?: number
  /** How often lapsed leases are looked for; whole seconds in ms, default 5 000. Each pass counts the whole table once: 0.2 s per million rows. */
  readonly monitorIntervalMs?: number
  /** How often an idle consumer looks for due jobs (new ones ring); default 500. This is the delay grain. */
  readonly pollMs?: number
}

/** Options with every default in place, and the connection as `pg` wants it. */
export interface Settings {
  readonly connection: PoolConfig
  readonly schema: string
  readonly connections: number
  readonly monitorIntervalMs: number
  readonly pollMs: number
}

const OPTION_NAMES: readonly string[] = ['url', 'password', 'schema', 'connections', 'monitorIntervalMs', 'pollMs']
const QUERY_NAMES: readonly string[] = [
  ...['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'application_name', 'channel_binding'],
  ...['schema', 'connections', 'monitorIntervalMs', 'pollMs'],
]

/** Checks everything before any I/O. `base` is the folder that relative certificate paths start from. Throws BrokerError `invalid`. */
export function settingsOf(options: PostgresOptions, base: string): Settings {
  for (const name of Object.keys(options))
    if (!OPTION_NAMES.includes(name))
      throw invalid(`unknown option ${JSON.stringify(name)}; there are ${OPTION_NAMES.join(', ')}`)
  const url = parseUrl(options.url)
  const query = queryOf(url)
  const number = (name: 'connections' | 'monitorIntervalMs' | 'pollMs', otherwise: number): number => {
    const text = query.get(name)
    return options[name] ?? (text === undefined ? otherwise : Number(text))
  }
  const schema = options.schema ?? query.get('schema') ?? 'switchyard'
  if (!/^[a-z_][a-z0-9_]{0,49}$/.test(schema))
    throw invalid(`schema ${JSON.stringify(schema)} must match [a-z_][a-z0-9_]{0,49}`)
  const connections = number('connections', 8)
  if (!Number.isInteger(connections) || connections < 2) throw invalid('connections must be an integer of at least 2')
  const monitorIntervalMs = number('monitorIntervalMs', 5_000)
  if (!Number.isInteger(monitorIntervalMs / 1_000) || monitorIntervalMs < 1_000)
    throw invalid('monitorIntervalMs must be whole seconds, at least 1000')
  const pollMs = number('pollMs', 500)
  if (!Number.isInteger(pollMs) || pollMs < 10) throw invalid('pollMs must be an integer of at least 10')
  return { connection: connectionOf(url, query, options, base), schema, connections, monitorIntervalMs, pollMs }
}

function parseUrl(text: unknown): URL {
  if (typeof text !== 'string') throw invalid('url must be a string such as postgres://user@host:5432/database')
  // no cause: Node's own error carries the URL, and with it the password
  if (!URL.canParse(text)) throw invalid('the URL cannot be read; expected postgres://user:password@host:5432/database')
  const url = new URL(text)
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw invalid(`the URL scheme must be postgres: or postgresql:, not ${url.protocol}`)
  return url
}

function queryOf(url: URL): ReadonlyMap<string, string> {
  for (const name of url.searchParams.keys())
    if (!QUERY_NAMES.includes(name))
      throw invalid(`unknown URL parameter ${JSON.stringify(name)}; there are ${QUERY_NAMES.join(', ')}`)
  return new Map(url.searchParams)
}

function connectionOf(
  url: URL,
  query: ReadonlyMap<string, string>,
  options: PostgresOptions,
  base: string,
): PoolConfig {
  const password = options.password ?? (url.password === '' ? undefined : decode(url.password))
  const database = decode(url.pathname.slice(1))
  const ssl = sslOf(query, base)
  return {
    ...(url.hostname === '' ? {} : { host: decode(url.hostname).replace(/^\[(.*)\]$/, '$1') }),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...(url.username === '' ? {} : { user: decode(url.username) }),
    ...(password === undefined ? {} : { password }),
    ...(database === '' ? {} : { database }),
    ...(ssl === undefined ? {} : { ssl }),
    ...(query.has('channel_binding') ? { enableChannelBinding: query.get('channel_binding') !== 'disable' } : {}),
    application_name: query.get('application_name') ?? 'switchyard',
  }
}

/** libpq's meaning of sslmode (documentation 34.19), except that `allow` and `prefer`, which fall back to plain text, are refused. */
function sslOf(query: ReadonlyMap<string, string>, base: string): PoolConfig['ssl'] | undefined {
  const file = (name: string): string | undefined => {
    const path = query.get(name)
    if (path === undefined) return undefined
    try {
      return readFileSync(resolve(base, path), 'utf8')
    } catch {
      throw invalid(`${name} ${JSON.stringify(path)} cannot be read`)
    }
  }
  const mode = query.get('sslmode')
  const ca = file('sslrootcert')
  const cert = file('sslcert')
  const key = file('sslkey')
  const files = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
  const unnamed = { checkServerIdentity: () => undefined }
  switch (mode) {
    case undefined:
      return Object.keys(files).length === 0 ? undefined : { ...files, rejectUnauthorized: true }
    case 'disable':
      return false
    case 'no-verify':
      return { ...files, rejectUnauthorized: false }
    case 'require':
      return ca === undefined
        ? { ...files, rejectUnauthorized: false }
        : { ...files, ...unnamed, rejectUnauthorized: true }
    case 'verify-ca':
      return { ...files, ...unnamed, rejectUnauthorized: true }
    case 'verify-full':
      return { ...files, rejectUnauthorized: true }
    default:
      throw invalid(`sslmode ${JSON.stringify(mode)} is not one of disable, no-verify, require, verify-ca, verify-full`)
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('the URL has a malformed % escape in user, password, host or database')
  }
}

function invalid(message: string): BrokerError {
  return new BrokerError({ code: 'invalid', adapter: 'postgres', message })
}
