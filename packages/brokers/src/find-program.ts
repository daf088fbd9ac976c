import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * The first executable of that name in the folders given, then in PATH. A folder may contain one `*` for a version (the highest wins), as
 * Debian's `/usr/lib/postgresql/*\/bin`.
 */
export function findProgram(name: string, folders: readonly string[]): string | undefined {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  for (const folder of [...folders.flatMap(expand), ...path]) {
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // not in this folder
    }
  }
  return undefined
}

function expand(folder: string): readonly string[] {
  const [before, after] = folder.split('*')
  if (before === undefined || after === undefined) return [folder]
  try {
    const versions = readdirSync(before).toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    return versions.map((version) => `${before}${version}${after}`)
  } catch {
    return [] // not installed here
  }
}
