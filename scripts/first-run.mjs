/*
 * What a newcomer does, on clean clones of the last commit in a path with spaces: the oldest Node that is promised,
 * two checkouts at once, one checkout twice at once, and then again with a registry that does not answer.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { outsideEnv } from './outside-env.mjs'
import { root } from './run-steps.mjs'

const OLDEST_NODE = ['npx', '--yes', '-p', 'node@18.20.8', '-p', 'npm@9.9.4', '--']
/** Port 9 of the loopback: refused at once. */
const NO_REGISTRY = { npm_config_registry: 'http://127.0.0.1:9/' }

const outside = realpathSync(mkdtempSync(join(os.tmpdir(), 'switchyard first run ')))
let failures = 0

async function main() {
  const [one, two] = ['one', 'two'].map((name) => join(outside, name))
  for (const folder of [one, two]) execFileSync('git', ['clone', '--quiet', root, folder])

  const both = await Promise.all([run(one, [...OLDEST_NODE, 'npm', 'run', 'setup']), run(two, ['npm', 'run', 'setup'])])
  check('two clones set themselves up at once, one of them on Node 18', both.every(succeeded), both)

  const again = await run(one, ['npm', 'run', 'setup'], NO_REGISTRY)
  check('a second run installs nothing and asks no registry', /Already set up/.test(again.output), [again])

  const wrong = await run(one, ['npm', 'test', '--', '--only', 'nonsense'], NO_REGISTRY)
  check('a command then runs, gets its options, and its exit code is passed on', wrong.code === 64, [wrong])

  rmSync(join(two, 'node_modules'), { recursive: true })
  const race = await Promise.all([run(two, ['npm', 'run', 'setup']), run(two, ['npm', 'run', 'setup'])])
  const installs = race.filter(({ output }) => /Set up in/.test(output)).length
  check('two set-ups of one checkout at once install once', race.every(succeeded) && installs === 1, race)

  rmSync(join(two, 'node_modules'), { recursive: true })
  const cache = { npm_config_cache: join(outside, 'empty cache') }
  const away = await run(two, ['npm', 'run', 'setup'], { ...NO_REGISTRY, ...cache })
  const said = away.code === 3 && /registry could not be reached/.test(away.output)
  check('without a registry the first run says so and exits with 3', said, [away])
  return failures === 0 ? 0 : 1
}

const succeeded = ({ code }) => code === 0

function run(cwd, [program, ...args], env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...outsideEnv(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        output += chunk
      })
    }
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

function check(what, passed, runs) {
  console.log(`${passed ? 'ok    ' : 'failed'}  ${what}`)
  if (passed) return
  failures++
  for (const { code, output } of runs) console.log(`exit code ${code}\n${output}`.replace(/^/gm, '        '))
}

try {
  process.exitCode = await main()
} finally {
  rmSync(outside, { recursive: true, force: true })
}
