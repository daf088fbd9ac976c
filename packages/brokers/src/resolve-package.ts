import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * The main file of an npm package that is optional to us: from here (or from `via`, another package's file), else from the
 * project that runs us.
 */
export function resolvePackage(name: string, via?: string): string | undefined {
  for (const from of [via ?? import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(from.startsWith('file:') ? from : pathToFileURL(from)).resolve(name)
    } catch {
      // not installed there
    }
  }
  return undefined
}
