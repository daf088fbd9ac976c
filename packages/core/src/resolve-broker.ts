import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AdapterFactory } from './adapter/adapter.ts'
import { ConfigError } from './errors.ts'

/** URL scheme -> package of the adapter. */
const SCHEMES: Readonly<Record<string, string>> = {
  memory: '@switchyard/memory',
  sqlite: '@switchyard/sqlite',
  redis: '@switchyard/redis',
  rediss: '@switchyard/redis',
  amqp: '@switchyard/rabbitmq',
  amqps: '@switchyard/rabbitmq',
  sqs: '@switchyard/sqs',
  postgres: '@switchyard/postgres',
  postgresql: '@switchyard/postgres',
}

const EXAMPLES = 'memory:, sqlite:FILE, redis://HOST, amqp://HOST, sqs://REGION, postgres://HOST/DB'

/** What every adapter package exports for URLs. */
interface AdapterModule {
  readonly adapterFromUrl?: (url: string, base?: string) => AdapterFactory
}

/**
 * A broker URL without user, password and query, for messages. Where it cannot be told what is secret, too much is left out:
 * unescaped passwords may hold `@`, `/`, `?` and `#`.
 */
export function maskedUrl(url: string): string {
  const [, scheme, slashes, rest] = /^([a-z][a-z0-9+.-]*):(\/\/)?(.*)$/is.exec(url) ?? []
  if (scheme === undefined || rest === undefined) return '(not a URL)'
  const start = `${scheme}:${slashes ?? ''}`
  const end = rest.search(/[?#]/)
  const plain = end === -1 ? rest : rest.slice(0, end)
  // A file name is no address: it may hold an @, and no password.
  if (FILE_SCHEMES.has(scheme.toLowerCase())) return `${start}${plain}`
  if (plain.includes('@')) return `${start}${plain.slice(plain.lastIndexOf('@') + 1)}`
  return rest.includes('@') && plain.includes(':') ? `${start}***` : `${start}${plain}`
}

const FILE_SCHEMES: ReadonlySet<string> = new Set(['sqlite', 'memory'])

/**
 * Finds the adapter for a URL: its package is looked for from `base` (the config file's folder), then from the working
 * directory, then beside core. Nothing is opened.
 */
export async function resolveBroker(url: string, base: string): Promise<AdapterFactory> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  const name = scheme !== undefined && Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined
  if (scheme === undefined || name === undefined) {
    const what = scheme === undefined ? 'is not a URL' : `has the unknown scheme ${JSON.stringify(scheme)}`
    // What is no URL may be anything, also a password: only a plain word is repeated.
    const shown = scheme === undefined ? (/^[\w-]{1,30}$/.test(url) ? JSON.stringify(url) : '(hidden)') : maskedUrl(url)
    throw new ConfigError(`broker ${shown} ${what}; use one of ${EXAMPLES}`, {
      option: 'broker',
    })
  }
  const module = await load(name, [base, process.cwd()])
  if (typeof module.adapterFromUrl !== 'function') {
    throw new ConfigError(`${name} exports no adapterFromUrl: it is not a Switchyard adapter of this version`, {
      option: 'broker',
      broker: name,
    })
  }
  return module.adapterFromUrl(url, base)
}

async function load(name: string, folders: readonly string[]): Promise<AdapterModule> {
  for (const folder of folders) {
    const found = resolveFrom(name, folder)
    if (found !== null) return (await import(found)) as AdapterModule
  }
  try {
    return (await import(name)) as AdapterModule
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new ConfigError(
      `the adapter ${name} is not installed; run: npm install ${name}`,
      { option: 'broker', broker: name },
      cause,
    )
  }
}

function resolveFrom(name: string, folder: string): string | null {
  try {
    return pathToFileURL(createRequire(join(folder, 'package.json')).resolve(name)).href
  } catch {
    return null
  }
}
