import { connect, type Logger, type Yard } from '@switchyard/core'
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
): Promise<{ readonly yard: Yard; readonly loaded: LoadedConfig }> {
  const loaded = await loadConfig(options)
  const { config, broker, base } = loaded
  const yard = await connect({
    broker,
    jobs: config.jobs,
    base,
    ...(config.queues === undefined ? {} : { queues: config.queues }),
    ...(log === undefined ? {} : { log }),
  })
  return { yard, loaded }
}
