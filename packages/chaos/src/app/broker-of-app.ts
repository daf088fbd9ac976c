import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { resolveBroker } from '@switchyard/core'
import type { AdapterFactory } from '@switchyard/core/adapter'

/** The adapter of a broker URL, looked for from the app's own folder first: the app brings the adapters it is used with. */
export function brokerOfApp(url: string, appUrl: string): Promise<AdapterFactory> {
  return resolveBroker(url, dirname(fileURLToPath(appUrl)))
}

/** A file broker by its whole path, so that every process of a run opens the same file wherever it was found from. */
export function wholeBrokerUrl(url: string): string {
  const file = /^sqlite:(?!\/\/)([^?]+)(.*)$/.exec(url)
  if (file?.[1] === undefined || isAbsolute(file[1])) return url
  return `sqlite:${resolve(file[1])}${file[2] ?? ''}`
}
