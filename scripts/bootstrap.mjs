/*
 * npm run setup | demo | test | prove, from a fresh clone on a machine that has some Node >= 18 and npm.
 *
 * Plain JavaScript for Node 18 without any dependency, because it runs before there are any. It installs what the
 * lockfile says (pnpm and Node come from the npm registry, nothing global is touched), remembers that it did, and then
 * runs the command with the pinned Node first on PATH. A second run installs nothing and needs no network.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { NODE_VERSION, PNPM_VERSION, WITH_TOOLS } from './pinned-tools.mjs'

/** Attempts at anything that talks to the registry, and the pause between them. */
const DOWNLOAD_ATTEMPTS = 3
const DOWNLOAD_PAUSE_MS = 5_000
/** The holder of a lock touches it this often; one untouched for ten beats belongs to nobody. */
const LOCK_BEAT_MS = 3_000
/** Off a terminal there is no spinner: a line this often says that it is still alive. */
const STILL_THERE_MS = 20_000
/** How soon the command is told to stop after the npm that started it was killed. */
const ORPHAN_CHECK_MS = 500

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const bin = path.join(root, 'node_modules', '.bin')
const marker = path.join(root, 'node_modules', '.switchyard-setup')
const logFile = path.join(root, '.switchyard', 'setup.log')

/** What each command runs, once everything is installed. `setup` runs nothing. */
const COMMANDS = {
  setup: null,
  demo: ['packages/cli/bin/switchyard.mjs', 'demo'],
  test: ['scripts/test.mjs'],
  prove: ['scripts/prove.mjs'],
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

const say = (text) => process.stderr.write(`${text}\n`)
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(0)} s`

/** Exit codes as everywhere in Switchyard: 3 infrastructure, 64 usage, 70 internal. */
class SetupError extends Error {
  exitCode = 3
}

async function main() {
  if (Number(process.versions.node.split('.')[0]) < 18) {
    throw new SetupError(`Switchyard needs Node 18 or newer to set itself up; this is ${process.version}.`)
  }
  const [command = 'setup', ...options] = process.argv.slice(2)
  if (!Object.hasOwn(COMMANDS, command)) {
    say(`Unknown command "${command}". There are: ${Object.keys(COMMANDS).join(', ')}.`)
    return 64
  }
  await setUp(command)
  const target = COMMANDS[command]
  return target ? runPinned([...target, ...options]) : 0
}

// --- install, once -------------------------------------------------------------------------------------------------

async function setUp(command) {
  if (isInstalled()) {
    if (command === 'setup') say('Already set up: nothing to install.')
    return
  }
  // Exit handlers take the locks and the running npx along.
  const interrupted = (signal) => process.exit(128 + os.constants.signals[signal])
  for (const signal of SIGNALS) process.on(signal, interrupted)
  try {
    await install()
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupted)
  }
}

async function install() {
  fs.mkdirSync(path.dirname(logFile), { recursive: true })
  await withLock(path.join(root, '.switchyard', 'setup.lock'), 'another set-up of this folder', async () => {
    if (isInstalled()) return
    const startedAt = Date.now()
    fs.writeFileSync(logFile, '')
    say(`Setting up Switchyard in ${root}`)
    // npm's npx folder is shared by all checkouts of this user, so two of them must not fill it at the same moment.
    const toolsLock = path.join(os.tmpdir(), `switchyard-tools-${os.userInfo().uid}.lock`)
    await withLock(toolsLock, 'the set-up of another checkout', () =>
      download(`Node ${NODE_VERSION} and pnpm ${PNPM_VERSION} from the npm registry`, ['pnpm', '--version']),
    )
    // Without a terminal pnpm would refuse to replace an older node_modules, as it cannot ask.
    const flags = ['--frozen-lockfile', '--config.confirm-modules-purge=false', '--reporter=append-only']
    const patience = ['--config.fetch-retry-mintimeout=1000', '--config.fetch-retry-maxtimeout=5000']
    await download('the packages that pnpm-lock.yaml names', ['pnpm', 'install', ...flags, ...patience])
    if (!fs.existsSync(path.join(bin, 'node'))) {
      throw new SetupError(`The install left no ${path.join(bin, 'node')}. The full output is in ${logFile}`)
    }
    fs.writeFileSync(marker, wantedState())
    say(`Set up in ${seconds(startedAt)}; the next run skips this.`)
  })
}

function isInstalled() {
  try {
    return fs.readFileSync(marker, 'utf8') === wantedState() && fs.existsSync(path.join(bin, 'node'))
  } catch {
    return false
  }
}

/**
 * Whatever decides what `pnpm install` would do: lockfile, workspace file, and the dependency fields of every
 * package.
 */
function wantedState() {
  const hash = createHash('sha256')
  hash.update(`${process.platform} ${process.arch} ${NODE_VERSION} ${PNPM_VERSION}\n`)
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(fs.readFileSync(path.join(root, file)))
  for (const file of packageFiles()) {
    const manifest = JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'))
    const { name, version, bin: bins, dependencies, devDependencies, optionalDependencies, peerDependencies } = manifest
    const part = { name, version, bins, dependencies, devDependencies, optionalDependencies, peerDependencies }
    hash.update(`${file} ${JSON.stringify(part)}\n`)
  }
  return hash.digest('hex')
}

/** The workspace's package.json files, by the globs of pnpm-workspace.yaml (a name, or a folder and one star). */
function packageFiles() {
  const workspace = fs.readFileSync(path.join(root, 'pnpm-workspace.yaml'), 'utf8')
  const globs = (/^packages:\n((?: +- .*\n)+)/m.exec(workspace)?.[1] ?? '').match(/[^\s'"-][^\s'"]*/g) ?? []
  const folders = globs.flatMap((glob) => {
    if (!glob.endsWith('/*')) return [glob]
    const parent = glob.slice(0, -2)
    const inside = fs.existsSync(path.join(root, parent)) ? fs.readdirSync(path.join(root, parent)) : []
    return inside.map((name) => `${parent}/${name}`)
  })
  const files = ['package.json', ...folders.map((folder) => `${folder}/package.json`)]
  return files.filter((file) => fs.existsSync(path.join(root, file))).sort()
}

/** Runs one npx command, quietly: its output goes to the log, and to the screen only when it failed for good. */
async function download(what, command) {
  const startedAt = Date.now()
  say(`  fetching ${what} ...`)
  for (let attempt = 1; ; attempt++) {
    const timer = setInterval(() => say(`  still fetching (${seconds(startedAt)}) ...`), STILL_THERE_MS)
    const { code, output } = await npx([...WITH_TOOLS, ...command]).finally(() => clearInterval(timer))
    fs.appendFileSync(logFile, `$ npx ${[...WITH_TOOLS, ...command].join(' ')}\n${output}\n[exit code ${code}]\n\n`)
    if (code === 0) return
    const hopeless = HOPELESS.find(([pattern]) => pattern.test(output))
    if (hopeless || attempt === DOWNLOAD_ATTEMPTS) {
      const advice = hopeless?.[1] ?? adviceFor(output)
      throw new SetupError(
        `${lastLines(output)}\n\nCould not fetch ${what}.\n${advice}\nThe full output is in ${logFile}`,
      )
    }
    say(`  attempt ${attempt} of ${DOWNLOAD_ATTEMPTS} failed; trying again in ${DOWNLOAD_PAUSE_MS / 1000} s`)
    await pause(DOWNLOAD_PAUSE_MS)
  }
}

/** Failures that another attempt cannot mend. */
const HOPELESS = [
  [
    /ERR_PNPM_OUTDATED_LOCKFILE/,
    'A package.json was changed without its lockfile: run `pnpm install` and commit both.',
  ],
  [/ENOSPC/, 'The disk is full.'],
  [/EACCES|EROFS/, 'A folder is not writable for this user.'],
]

function adviceFor(output) {
  const away = /ENOTFOUND|EAI_AGAIN|ECONN(REFUSED|RESET)|ETIMEDOUT|ENETUNREACH|ERR_SOCKET|dns error|sending request/
  if (!away.test(output)) return `It was tried ${DOWNLOAD_ATTEMPTS} times.`
  return [
    'The npm registry could not be reached. Only the first run needs the network:',
    'check it (or `npm config get registry`) and run the same command again.',
  ].join('\n')
}

const lastLines = (text) => text.trimEnd().split('\n').slice(-15).join('\n')

function npx(args) {
  return new Promise((resolve) => {
    // Without a network npm alone would try for 80 s before saying so; the attempts are counted here instead.
    const quiet = { npm_config_loglevel: 'error', npm_config_update_notifier: 'false', npm_config_fetch_retries: '0' }
    const env = { ...process.env, ...quiet }
    const child = spawn('npx', args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const stop = () => child.kill('SIGTERM')
    process.once('exit', stop)
    child.once('close', () => process.off('exit', stop))
    let output = ''
    const keep = (chunk) => {
      output += chunk
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message} (is npm installed?)\n` }))
    child.on('close', (code, signal) => resolve({ code: code ?? 128 + os.constants.signals[signal], output }))
  })
}

// --- one at a time ---------------------------------------------------------------------------------------------------

async function withLock(file, holder, run) {
  let told = false
  while (!takeLock(file)) {
    if (!told) say(`  waiting for ${holder} to finish ...`)
    told = true
    await pause(500)
  }
  const release = () => fs.rmSync(file, { force: true })
  const beat = setInterval(() => fs.existsSync(file) && fs.utimesSync(file, new Date(), new Date()), LOCK_BEAT_MS)
  process.on('exit', release)
  try {
    return await run()
  } finally {
    clearInterval(beat)
    process.off('exit', release)
    release()
  }
}

function takeLock(file) {
  try {
    fs.writeFileSync(file, `${process.pid}`, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  try {
    if (Date.now() - fs.statSync(file).mtimeMs < 10 * LOCK_BEAT_MS) return false
    // Renaming is what only one of several waiters can do, so that none removes a lock that another has just taken.
    const aside = `${file}.${process.pid}`
    fs.renameSync(file, aside)
    const another = Date.now() - fs.statSync(aside).mtimeMs < 10 * LOCK_BEAT_MS
    if (another && !fs.existsSync(file)) fs.linkSync(aside, file)
    fs.rmSync(aside)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  return false
}

// --- the command ---------------------------------------------------------------------------------------------------

/** Runs a script of this repository under the pinned Node; answers its exit code. */
function runPinned([script, ...args]) {
  const file = path.join(root, script)
  if (!fs.existsSync(file)) throw new SetupError(`${script} does not exist in this checkout.`)
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` }
    const child = spawn(path.join(bin, 'node'), [file, ...args], { cwd: root, env, stdio: 'inherit' })
    // On a terminal Ctrl-C reaches the child by itself, and a second one would mean "at once": it is not repeated.
    process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
    // npm signals the shell that it started, and that shell dies without passing it on: notice that it has gone.
    const parent = process.ppid
    const orphaned = () => process.env.npm_lifecycle_event && process.ppid !== parent && child.kill('SIGTERM')
    setInterval(orphaned, ORPHAN_CHECK_MS).unref()
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + os.constants.signals[signal]))
  })
}

main().then(
  (code) => process.exit(code),
  (error) => {
    say(error instanceof SetupError ? error.message : error.stack)
    process.exit(error instanceof SetupError ? error.exitCode : 70)
  },
)
