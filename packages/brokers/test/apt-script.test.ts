import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { aptScript } from '../src/apt-install.ts'

let dir: string
const at = (name: string): string => join(dir, name)

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'switchyard-apt-test-'))
  await program('apt-cache', '[ -e "$HERE/known" ]')
})
afterEach(() => rm(dir, { recursive: true }))

async function program(name: string, body: string): Promise<void> {
  await writeFile(at(name), `#!/bin/sh\nHERE=${dir}\n${body}\n`)
  await chmod(at(name), 0o755)
}

/** A stand-in for apt-get that notes its calls and what the policy answered meanwhile, then runs `body` ($verb is what was asked). */
function aptGet(body: string): Promise<void> {
  return program(
    'apt-get',
    `for word in "$@"; do case $word in update|install) verb=$word;; esac; done
code=0; "$HERE/policy" some-server start >/dev/null 2>&1 || code=$?
echo "$verb policy=$code" >>"$HERE/calls"
${body}`,
  )
}

function run(): Promise<number> {
  const script = aptScript({ lock: at('lock'), policy: at('policy'), lists: dir })
  const child = spawn('/bin/sh', ['-c', script, 'apt-test', at('server'), 'some-server'], {
    stdio: 'ignore',
    env: { PATH: `${dir}:/usr/bin:/bin` },
  })
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? -1)))
}

const calls = async (): Promise<readonly string[]> => (await readFile(at('calls'), 'utf8')).trimEnd().split('\n')
const INSTALLS = '[ "$verb" = update ] || { : >"$HERE/server"; chmod 755 "$HERE/server"; }'

describe.runIf(existsSync('/usr/bin/flock'))('installing a server with apt', () => {
  it('lets no service start meanwhile and leaves no policy behind', async () => {
    await writeFile(at('x_Packages'), '')
    await writeFile(at('known'), '')
    await aptGet(INSTALLS)
    expect(await run()).toBe(0)
    expect(await calls()).toEqual(['install policy=101'])
    expect(existsSync(at('policy'))).toBe(false)
  })

  it('gives the machine its own policy back, also when apt fails', async () => {
    await program('policy', 'exit 0 # mine')
    const mine = await readFile(at('policy'), 'utf8')
    await aptGet('[ "$verb" = update ]')
    expect(await run()).not.toBe(0)
    expect(await calls()).toEqual(['update policy=101', 'install policy=101'])
    expect(await readFile(at('policy'), 'utf8')).toBe(mine)
    expect(existsSync(at('policy.switchyard-saved'))).toBe(false)
  })

  it('leaves a policy alone that forbids already', async () => {
    await program('policy', 'touch "$HERE/asked"; exit 101')
    await aptGet(INSTALLS)
    expect(await run()).toBe(0)
    expect(await readFile(at('policy'), 'utf8')).toContain('asked')
  })

  it('repairs what a run that was killed left behind', async () => {
    await program('policy.switchyard-saved', 'exit 0 # mine')
    await writeFile(at('policy'), '#!/bin/sh\n# by switchyard\nexit 101\n')
    await aptGet(INSTALLS)
    expect(await run()).toBe(0)
    expect(await readFile(at('policy'), 'utf8')).toContain('# mine')
  })

  it('gets the list first when it is missing, and again when the install fails with an old one', async () => {
    await aptGet(INSTALLS)
    expect(await run()).toBe(0)
    expect(await calls()).toEqual(['update policy=101', 'install policy=101'])
    await rm(at('server'))
    await rm(at('calls'))
    await writeFile(at('x_Packages'), '')
    await writeFile(at('known'), '')
    await aptGet(
      `if [ "$verb" = update ]; then : >"$HERE/updated"; exit 0; fi; [ -e "$HERE/updated" ] || exit 100; ${INSTALLS}`,
    )
    expect(await run()).toBe(0)
    expect(await calls()).toEqual(['install policy=101', 'update policy=101', 'install policy=101'])
  })

  it('does it once when several processes want it', async () => {
    await aptGet(INSTALLS)
    expect(await Promise.all([run(), run(), run()])).toEqual([0, 0, 0])
    expect(await calls()).toEqual(['update policy=101', 'install policy=101'])
  })
})
