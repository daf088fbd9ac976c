/*
 * The packaging gates: build, pack, and look at what would be published. Fails with every finding of every package.
 *   node scripts/check-packages.mjs            all of it
 *   node scripts/check-packages.mjs --update   writes docs/api instead of comparing with it
 */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { apiReport } from './api-report.mjs'
import { build } from './build.mjs'
import { pack, TARBALLS } from './pack.mjs'
import { root } from './run-steps.mjs'

const API = join(root, 'docs', 'api')
const run = promisify(execFile)

async function main([flag, ...rest]) {
  if ((flag !== undefined && flag !== '--update') || rest.length > 0) {
    console.error('Usage: check-packages.mjs [--update]')
    return 64
  }
  // What an earlier run packed must not be taken for this one's.
  rmSync(TARBALLS, { recursive: true, force: true })
  build()
  const packages = pack()
  const findings = []
  for (const one of packages) {
    const found = [
      ...contentFindings(one),
      ...(await publintFindings(one)),
      ...(await typeFindings(one)),
      ...apiFindings(one, flag === '--update'),
    ]
    console.log(`${found.length === 0 ? 'ok    ' : 'failed'}  ${one.name}  ${basename(one.tarball)}`)
    findings.push(...found.map((finding) => `${one.name}: ${finding}`))
  }
  if (findings.length === 0) return 0
  console.error(`\n${findings.join('\n')}`)
  return 1
}

/**
 * What people get must be what they need: built files, a page that explains, a licence, ranges that npm understands.
 */
function contentFindings({ tarball }) {
  const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  const manifest = execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' })
  const { dependencies, peerDependencies } = JSON.parse(manifest)
  const ranges = Object.entries({ ...dependencies, ...peerDependencies })
  return [
    ...['README.md', 'LICENSE']
      .filter((file) => !files.includes(`package/${file}`))
      .map((file) => `has no ${file} in its tarball`),
    ...files
      .filter((file) => /^package\/(src|test|node_modules)\/|\.test\.|\.tsbuildinfo$/.test(file))
      .map((file) => `publishes ${file}`),
    ...ranges
      .filter(([, range]) => /^(workspace|file|link|catalog):/.test(range))
      .map(([name, range]) => `depends on ${name} as ${range}, which only this workspace understands`),
  ]
}

async function publintFindings({ tarball }) {
  const { messages, pkg } = await publint({ pack: { tarball: readFileSync(tarball) }, level: 'warning', strict: true })
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`)
}

/** Do the types say what the files are? Only as ES modules: there is no CommonJS build to be right about. */
async function typeFindings({ tarball }) {
  const attw = [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--no-color']
  try {
    await run(join(root, 'node_modules', '.bin', 'attw'), attw, { cwd: root })
    return []
  } catch (error) {
    return [`arethetypeswrong:\n${error.stdout || error.message}`]
  }
}

function apiFindings(one, update) {
  const file = join(API, `${one.name.replace('@switchyard/', '')}.md`)
  const now = apiReport(one)
  if (update) {
    mkdirSync(API, { recursive: true })
    writeFileSync(file, now)
    return []
  }
  const committed = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (committed === now) return []
  const change = firstDifference(committed.split('\n'), now.split('\n'))
  return [`its public names differ from docs/api (${change}); if meant, run check-packages.mjs --update and commit`]
}

function firstDifference(before, after) {
  const at = after.findIndex((line, index) => line !== before[index])
  if (before.length <= 1) return 'there is no report yet'
  return at < 0 ? `line ${after.length} on was removed` : `line ${at + 1} is now: ${after[at]}`
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
