import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { connect, type Logger, type Yard } from '@switchyard/core'
import { UsageError } from './exit-code.ts'
import { type LoadedConfig, loadConfig } from './load-config.ts'

/** Options that every command has. */
export interface GlobalOptions {
  readonly config?: string
  readonly broker?: string
  readonly json?: boolean
}

/** Loads the config and connects to its broker, with all of its jobs checked against it. */
export async function openYard(
  options: GlobalOptions,
  log?: Logger,
  purpose: 'use' | 'look' = 'use',
): Promise<{ readonly yard: Yard; readonly loaded: LoadedConfig }> {
  const loaded = await loadConfig(options)
  const { config, broker, base } = loaded
  if (purpose === 'look' && typeof broker === 'string') refuseMissingFile(broker, base)
  const yard = await connect({
    broker,
    jobs: config.jobs,
    base,
    ...(config.queues === undefined ? {} : { queues: config.queues }),
    ...(log === undefined ? {} : { log }),
  })
  return { yard, loaded }
}

/** A misspelt path must not look like an empty broker: only commands that write may create the file. */
function refuseMissingFile(broker: string, base: string): void {
  if (!broker.startsWith('sqlite:') || broker.startsWith('sqlite://')) return
  const file = resolve(base, decodeURI(broker.slice('sqlite:'.length)))
  if (existsSync(file)) return
  throw new UsageError(`there is no ${file} yet: nothing was ever enqueued there, or the path is wrong`)
}
