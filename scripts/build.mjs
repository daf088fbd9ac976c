/*
 * npm run build: `dist` of every published package (JavaScript and .d.ts, relative imports rewritten to .js), for npm
 * only: development and tests run the sources. One compilation of all packages, so that their order and each other's
 * sources are the compiler's business; then each gets its part of the output.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, globSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { publishedPackages } from './packages.mjs'
import { root } from './run-steps.mjs'

const OUTPUT = join(root, '.switchyard', 'build')

/** Builds every package; throws with a message where the output could not work. */
export function build() {
  rmSync(OUTPUT, { recursive: true, force: true })
  try {
    execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
  } catch {
    throw new Error('The sources do not compile (see above); nothing was built.')
  }
  for (const { name, folder, manifest } of publishedPackages()) {
    const source = join(root, folder, 'src')
    const dist = join(root, folder, 'dist')
    rmSync(dist, { recursive: true, force: true })
    cpSync(join(OUTPUT, relative('packages', folder), 'src'), dist, { recursive: true })
    // Whatever the compiler does not know: pages, styles, templates of `switchyard init`.
    cpSync(source, dist, { recursive: true, filter: (file) => isAsset(relative(source, file)) })
    const wrong = [...missingEntries(folder, manifest), ...unbuiltNames(dist)]
    if (wrong.length > 0) throw new Error(`${name} would not work when installed:\n  ${wrong.join('\n  ')}`)
  }
}

/** Folders too, since a folder that is left out takes its assets along. */
function isAsset(path) {
  return !/\.ts$/.test(path) || /(^|\/)templates\//.test(path)
}

function missingEntries(folder, { publishConfig, bin }) {
  const entries = Object.values(publishConfig.exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : Object.values(entry),
  )
  return [...entries, ...Object.values(bin ?? {})]
    .filter((target) => !existsSync(join(root, folder, target)))
    .map((target) => `package.json names ${target}, which is not there`)
}

/**
 * `new URL('./child.ts', import.meta.url)` is not rewritten by the compiler: where it may name a file of the package,
 * the same line must know the built name too.
 */
function unbuiltNames(dist) {
  const named = /new URL\([^)]*['"`](\.{1,2}\/[^'"`\s]+\.ts)['"`]/
  return globSync('**/*.js', { cwd: dist, exclude: ['**/templates/**'] }).flatMap((file) =>
    readFileSync(join(dist, file), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\*|\/\*|\/\/)/.test(line))
      .filter((line) => {
        const target = named.exec(line)?.[1]
        return target !== undefined && !line.includes('.js') && !join(file, '..', target).startsWith('..')
      })
      .map((line) => `dist/${file} starts or reads a source file: ${line.trim()}`),
  )
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    build()
    console.log(`Built ${publishedPackages().length} packages.`)
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
