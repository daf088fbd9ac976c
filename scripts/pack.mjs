import { execFileSync } from 'node:child_process'
import { globSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { publishedPackages } from './packages.mjs'
import { WITH_TOOLS } from './pinned-tools.mjs'
import { root } from './run-steps.mjs'

/** Where `pnpm pack` puts what would be published. */
export const TARBALLS = join(root, '.switchyard', 'tarballs')

/**
 * Packs every built package as `pnpm publish` would (entries of publishConfig, real version ranges, licence). Answers
 * the packages with their `tarball`.
 */
export function pack() {
  rmSync(TARBALLS, { recursive: true, force: true })
  const packages = publishedPackages()
  const filters = packages.flatMap(({ name }) => ['--filter', name])
  const command = ['pnpm', ...filters, 'pack', '--pack-destination', TARBALLS]
  execFileSync('npx', ['--prefer-offline', ...WITH_TOOLS, ...command], {
    cwd: root,
    env: { ...process.env, npm_config_loglevel: 'error' },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return packages.map((one) => ({ ...one, tarball: tarballOf(one) }))
}

/** The packages with their tarballs as the last `pack` left them. */
export function packedPackages() {
  return publishedPackages().map((one) => ({ ...one, tarball: tarballOf(one) }))
}

function tarballOf({ name, manifest }) {
  const wanted = `${name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`
  const found = globSync('*.tgz', { cwd: TARBALLS }).find((file) => basename(file) === wanted)
  if (found === undefined) throw new Error(`${name} has no ${wanted} in ${TARBALLS}: run check-packages.mjs first`)
  return join(TARBALLS, found)
}
