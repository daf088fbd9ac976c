import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AdapterFactory } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { sqlite } from './sqlite.ts'

/**
 * `sqlite:jobs.db`, `sqlite:./data/jobs.db`, `sqlite:/var/lib/jobs.db`, `sqlite:///var/lib/my%20jobs.db` (only this form is percent-decoded,
 * as in file: URLs). Relative paths start at `base`, by default the working directory; missing folders are created (0700).
 */
export function adapterFromUrl(url: string, base: string = process.cwd()): AdapterFactory<never> {
  return sqlite({ file: resolve(base, pathOf(url)), createFolder: true })
}

function pathOf(url: string): string {
  const path = /^sqlite:(.*)$/s.exec(url)?.[1]
  if (path === undefined || path === '') throw invalid(url, 'write sqlite: and the path of a file')
  if (path === ':memory:') throw invalid(url, 'a database in memory cannot be shared: use memory: or a file')
  if (!path.startsWith('//')) return path
  try {
    if (path.startsWith('///')) return fileURLToPath(`file:${path}`)
  } catch (error) {
    throw invalid(url, `the path does not decode (${String(error)})`)
  }
  throw invalid(
    url,
    'two slashes would name a host: write sqlite:relative/path, sqlite:/absolute/path or sqlite:///absolute/path',
  )
}

function invalid(url: string, why: string): BrokerError {
  return new BrokerError({ code: 'invalid', adapter: 'sqlite', message: `${url}: ${why}` })
}
