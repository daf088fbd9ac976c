import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defineConfig, type SwitchyardConfig } from '@switchyard/core'
import { UsageError } from './exit-code.ts'

/** A config with where it came from. */
export interface LoadedConfig {
  readonly file: string
  /** Folder of the file: relative broker files and adapter packages are looked for from here. */
  readonly base: string
  readonly config: SwitchyardConfig
  /** The broker after `--broker` and SWITCHYARD_BROKER_URL. */
  readonly broker: SwitchyardConfig['broker']
  readonly brokerFrom: '--broker' | 'SWITCHYARD_BROKER_URL' | 'config'
}

const NAMES = ['switchyard.config.ts', 'switchyard.config.mts', 'switchyard.config.mjs', 'switchyard.config.js']

/** Finds (upwards from the working directory) or takes `--config`, runs it and checks its shape. */
export async function loadConfig(options: {
  readonly config?: string
  readonly broker?: string
}): Promise<LoadedConfig> {
  const file = options.config === undefined ? findUpwards(process.cwd()) : resolve(options.config)
  if (!existsSync(file)) throw new UsageError(`config file ${file} does not exist`)
  let loaded: { readonly default?: unknown }
  try {
    loaded = (await import(pathToFileURL(file).href)) as { readonly default?: unknown }
  } catch (cause) {
    throw new UsageError(
      `config file ${file} cannot be run: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
  if (loaded.default === undefined) {
    throw new UsageError(
      `config file ${file} has no default export; write: export default defineConfig({ broker, jobs })`,
    )
  }
  let config: SwitchyardConfig
  try {
    config = defineConfig(loaded.default as SwitchyardConfig)
  } catch (cause) {
    throw new UsageError(`config file ${file}: ${(cause as Error).message}`, { cause })
  }
  const env = process.env.SWITCHYARD_BROKER_URL
  const base = dirname(file)
  if (options.broker !== undefined) return { file, base, config, broker: options.broker, brokerFrom: '--broker' }
  if (env !== undefined && env !== '') return { file, base, config, broker: env, brokerFrom: 'SWITCHYARD_BROKER_URL' }
  return { file, base, config, broker: config.broker, brokerFrom: 'config' }
}

function findUpwards(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    for (const name of NAMES) if (existsSync(join(folder, name))) return join(folder, name)
    if (dirname(folder) === folder) break
  }
  throw new UsageError(`no ${NAMES[0]} in ${from} or above; make one with: switchyard init`)
}
