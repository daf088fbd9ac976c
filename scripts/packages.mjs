import { globSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { root } from './run-steps.mjs'

/**
 * The packages that are published, as `{ name, folder, manifest }`; the folder is named
 * from the repository's root.
 */
export function publishedPackages() {
  return globSync(['packages/*/package.json', 'packages/adapters/*/package.json'], { cwd: root })
    .sort()
    .map((file) => ({ folder: dirname(file), manifest: JSON.parse(readFileSync(`${root}/${file}`, 'utf8')) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ name: manifest.name, folder, manifest }))
}
