/*
 * Installs the packed packages (run check-packages.mjs first) with npm into empty projects outside the workspace, and
 * uses them there as strangers do: JavaScript and TypeScript, Node 24 and 26, an older TypeScript too, every public
 * entry, the command. Needs the npm registry for their dependencies. `--keep` leaves the projects for a look.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { outsideEnv } from './outside-env.mjs'
import { packedPackages } from './pack.mjs'
import { NODE_VERSION } from './pinned-tools.mjs'
import { root } from './run-steps.mjs'

const NODE_26 = '26.10.0'
/** The newest of each compiler that users may have; the second is the last one written in JavaScript. */
const COMPILERS = ['7.0.2', '5.9.3']

const outside = realpathSync(mkdtempSync(join(os.tmpdir(), 'switchyard consumer ')))
const results = []

function main() {
  const packages = packedPackages()
  const tools = project('tools', { node24: `npm:node@${NODE_VERSION}`, node26: `npm:node@${NODE_26}` })
  const nodes = ['node24', 'node26'].map((alias) => join(tools, 'node_modules', alias, 'bin', 'node'))

  // The least that a user installs: nothing but this may be needed to run the samples.
  const few = packages.filter(({ name }) => /\/(core|memory|sqlite)$/.test(name))
  const small = project('small', { ...tarballs(few), zod: '4.6.7' })
  cpSync(join(root, 'scripts', 'templates', 'consumer'), small, { recursive: true })
  for (const node of nodes) {
    attempt(node, ['adapter.mjs'], small, /^sqlite: one message/m)
    attempt(node, ['app.mjs'], small, /^sqlite:\S+ greeted from JavaScript/m)
    attempt(node, ['app.ts'], small, /^sqlite:\S+ greeted from TypeScript/m)
  }

  // What the compiler sees, with the libraries' own types checked as well.
  const options = { strict: true, noEmit: true, target: 'ES2024', lib: ['ES2024', 'ESNext.Disposable'] }
  const compilerOptions = { ...options, module: 'NodeNext', types: ['node'], skipLibCheck: false }
  writeFileSync(join(small, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }))
  npm(['install', '@types/node@24'], small)
  for (const version of COMPILERS) {
    const compiler = project(`typescript ${version}`, { typescript: version })
    attempt(nodes[0], [join(compiler, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], small, /^$/)
  }

  // Everything: each public entry can be imported, the command starts.
  const all = project('all', { ...tarballs(packages), vitest: '5.1.1', zod: '4.6.7' })
  const entries = packages.flatMap(({ name, manifest }) =>
    Object.keys(manifest.exports).map((entry) => `${name}${entry.slice(1)}`),
  )
  const asJson = (entry) => (entry.endsWith('.json') ? `, { with: { type: 'json' } }` : '')
  const lines = entries.map((entry) => `await import('${entry}'${asJson(entry)})\n`)
  writeFileSync(join(all, 'import-all.mjs'), `${lines.join('')}console.log('all entries are there')\n`)
  for (const node of nodes) {
    attempt(node, ['import-all.mjs'], all, /^all entries are there$/m)
    const command = join(all, 'node_modules', '.bin', 'switchyard')
    attempt(node, [command, '--version'], all, /\d+\.\d+\.\d+/)
    attempt(node, [command, '--help'], all, /usage/i)
    startProject(node, command, all)
  }
  return results.every((passed) => passed) ? 0 : 1
}

function project(name, dependencies) {
  const folder = join(outside, name)
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'consumer', private: true, type: 'module', dependencies }),
  )
  npm(['install'], folder)
  return folder
}

const tarballs = (packages) => Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`]))

function npm(args, cwd) {
  const flags = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']
  const { status, stdout, stderr } = spawnSync('npm', [...args, ...flags], { cwd, encoding: 'utf8', env: outsideEnv() })
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed in ${cwd}:\n${stdout}${stderr}`)
}

/** What `switchyard init` promises: a project whose test passes and whose job goes through a worker. */
function startProject(node, command, all) {
  const folder = mkdtempSync(join(all, 'started '))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  attempt(node, [command, 'init'], folder, /switchyard\.config\.ts/)
  attempt(node, ['--test'], folder, /pass 2$/m)
  attempt(node, [command, 'enqueue', 'greet', '{"name":"Ada"}'], folder, /\S/)
  attempt(node, [command, 'worker', '--drain'], folder, /^Hello Ada/m)
}

/** One run of one program; it passes with exit code 0 and the output that is expected of it. */
function attempt(node, args, cwd, expected) {
  const options = { cwd, encoding: 'utf8', env: outsideEnv(), timeout: 120_000 }
  const { status, stdout, stderr, error } = spawnSync(node, args, options)
  const passed = status === 0 && expected.test(stdout)
  const clutter = /^tools\/node_modules\/|\/bin\/node$|.*\/\.bin\/|\/node_modules\/typescript\/.*/g
  const short = [node, ...args].map((word) => word.replace(`${outside}/`, '').replace(clutter, ''))
  console.log(`${passed ? 'ok    ' : 'failed'}  ${short.join(' ')}`)
  if (!passed) {
    const output = `${stdout}${stderr}${error?.message ?? ''}`.trim() || '(no output)'
    console.log(`exit code ${status}, expected output like ${expected}, but:\n${output}`.replace(/^/gm, '        '))
  }
  results.push(passed)
}

try {
  process.exitCode = main()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  if (process.argv.includes('--keep')) console.log(`The projects are in ${outside}`)
  else rmSync(outside, { recursive: true, force: true })
}
