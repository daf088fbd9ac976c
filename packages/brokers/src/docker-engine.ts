import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { resolvePackage } from './resolve-package.ts'
import { RungAbsent } from './rung-absent.ts'

/** Only its types are imported here: the package is optional, and loaded when an engine has answered. */
type TestcontainersModule = typeof import('testcontainers')

/** With this for the connection and as much for testcontainers' own look, a dead engine costs under 5 s (issue 3). */
const STEP_MS = 2_000

/** testcontainers, once an engine has answered. Throws RungAbsent (`no engine: …`) within 5 s otherwise. */
export async function dockerEngine(): Promise<TestcontainersModule> {
  await knock()
  const module = await loadTestcontainers()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${STEP_MS} ms`)), STEP_MS)
  })
  try {
    await Promise.race([module.getContainerRuntimeClient(), late])
  } catch (error) {
    throw new RungAbsent(`no engine: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    clearTimeout(timer)
  }
  return module
}

function knock(): Promise<void> {
  const address = process.env.DOCKER_HOST ?? `unix://${engineSocket()}`
  const url = new URL(address)
  const socket =
    url.protocol === 'unix:'
      ? connect(url.pathname)
      : connect({ host: url.hostname, port: Number(url.port === '' ? 2375 : url.port) })
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      socket.destroy()
      if (error === undefined) resolve()
      else reject(new RungAbsent(`no engine: ${error.message}`))
    }
    socket.setTimeout(STEP_MS, () => finish(new Error(`${address} does not answer`)))
    socket.once('connect', () => finish())
    socket.once('error', finish)
  })
}

function engineSocket(): string {
  const candidates = ['/var/run/docker.sock', join(homedir(), '.docker/run/docker.sock')]
  if (process.env.XDG_RUNTIME_DIR !== undefined) candidates.push(join(process.env.XDG_RUNTIME_DIR, 'docker.sock'))
  return candidates.find((path) => existsSync(path)) ?? '/var/run/docker.sock'
}

async function loadTestcontainers(): Promise<TestcontainersModule> {
  const file = resolvePackage('testcontainers')
  if (file === undefined) {
    throw new RungAbsent('a Docker engine answers, but testcontainers is not installed: npm install -D testcontainers')
  }
  return (await import(pathToFileURL(file).href)) as TestcontainersModule
}
