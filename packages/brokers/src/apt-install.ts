import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why apt cannot be used here, or undefined when it can. */
export function aptRefusal(): string | undefined {
  if (process.env.SWITCHYARD_NO_INSTALL === '1') return 'switched off by SWITCHYARD_NO_INSTALL=1'
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) return 'this is not Debian or Ubuntu'
  if (process.getuid?.() !== 0) return 'installing needs root'
  return undefined
}

/** Where the machine keeps what the script touches; other places for tests. */
export interface AptPlaces {
  readonly lock: string
  readonly policy: string
  readonly lists: string
}

const PLACES: AptPlaces = {
  lock: '/run/lock/switchyard-apt.lock',
  policy: '/usr/sbin/policy-rc.d',
  lists: '/var/lib/apt/lists',
}

/**
 * One shell does all of it, in a session of its own, so that nobody's Ctrl-C or SIGKILL leaves dpkg half-way. Under one lock for the machine.
 * While it works no service may start (policy-rc.d answers 101); a policy that was there comes back, at the next run even after a crash.
 * $1 is the list of programs of which one exists afterwards, the rest are packages.
 */
export function aptScript({ lock, policy, lists }: AptPlaces): string {
  return `
set -u
exec 9>'${lock}'
flock 9
wanted=$1; shift
for file in $wanted; do [ -x "$file" ] && exit 0; done
policy='${policy}'
saved=$policy.switchyard-saved
ours=
restore() {
  if [ -n "$ours" ]; then rm -f "$policy"; fi
  if [ -e "$saved" ]; then mv -f "$saved" "$policy"; fi
}
trap restore EXIT
if [ -e "$saved" ]; then mv -f "$saved" "$policy"; fi
if [ -e "$policy" ] && grep -q '# by switchyard' "$policy"; then rm -f "$policy"; fi
answer=0
if [ -x "$policy" ]; then "$policy" switchyard start >/dev/null 2>&1 9>&- || answer=$?; fi
if [ "$answer" != 101 ]; then
  if [ -e "$policy" ]; then mv "$policy" "$saved"; fi
  ours=1
  printf '#!/bin/sh\\n# by switchyard, for the time of one apt-get install\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -o DPkg::Lock::Timeout=180 -o Acquire::Retries=2 "$@" 9>&- </dev/null; }
fresh=$(find '${lists}' -maxdepth 1 -name '*_Packages*' -mtime -7 2>/dev/null | head -n 1)
updated=
if [ -z "$fresh" ] || ! apt-cache show "$1" >/dev/null 2>&1; then
  if apt update -q; then updated=1; else echo 'apt-get update failed; going on with the list that is there'; fi
fi
install() { apt install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold "$@"; }
install "$@" && exit 0
[ -n "$updated" ] && exit 1
apt update -q && install "$@"
`
}

const INSTALL_LIMIT_MS = 600_000

/**
 * Installs Debian packages as root, saying so first on stderr. `programs` is the list of absolute paths of which one exists when there is
 * nothing to do (another process may have installed it while we waited for the lock). Rejects with the end of apt's output.
 */
export async function aptInstall(packages: readonly string[], programs: readonly string[]): Promise<void> {
  process.stderr.write(
    `switchyard: installing ${packages.join(', ')} with apt-get (no service is started; SWITCHYARD_NO_INSTALL=1 forbids it)\n`,
  )
  const dir = await mkdtemp(join(tmpdir(), 'switchyard-apt-'))
  const log = join(dir, 'apt.log')
  const code = await runScript([programs.join(' '), ...packages], log)
  if (code !== 0) {
    const end = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-6).join(' | ')
    throw new Error(
      `apt-get install ${packages.join(' ')} ${code === undefined ? `is not done after ${INSTALL_LIMIT_MS / 1000} s` : `failed (${code})`}: ${end}`,
    )
  }
  await rm(dir, { recursive: true, force: true })
}

/** The exit code, or undefined when the time is over (it goes on by itself). Output to a file: a pipe would break if we die. */
function runScript(args: readonly string[], log: string): Promise<number | undefined> {
  const out = openSync(log, 'a')
  const child = spawn('/bin/sh', ['-c', aptScript(PLACES), 'switchyard-apt', ...args], {
    detached: true,
    stdio: ['ignore', out, out],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...proxySettings() },
  })
  closeSync(out)
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      child.unref()
      resolve(undefined)
    }, INSTALL_LIMIT_MS)
    child.once('error', reject)
    child.once('exit', (code) => {
      clearTimeout(limit)
      resolve(code ?? 1)
    })
  })
}

function proxySettings(): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']) {
    const value = process.env[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}
