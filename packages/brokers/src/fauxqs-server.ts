import { chown, mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from './free-ports.ts'
import type { InstanceSite, ServerPlan, ServerRecipe } from './local-server.ts'

const REPAIR = new URL(import.meta.url.endsWith('.ts') ? './fauxqs-repair.ts' : './fauxqs-repair.js', import.meta.url)

/** The folder of the installed `fauxqs` package, or undefined. */
export function findFauxqs(): string | undefined {
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve('fauxqs'))))
  } catch {
    return undefined // not installed
  }
}

/**
 * Runs fauxqs, an SQS server from npm, with its SQLite persistence, in a process of its own, repaired by fauxqs-repair. As ourselves, also as
 * root: it has to read node_modules, which may be below a home folder.
 */
export function fauxqsRecipe(packageDir: string): ServerRecipe {
  return { kind: 'sqs', rung: 'npm', users: [], plan: (site) => plan(site, packageDir) }
}

async function plan(site: InstanceSite, packageDir: string): Promise<ServerPlan> {
  const [port = 0] = await freePorts(1)
  const data = join(site.dir, 'data')
  await mkdir(data)
  const { uid, gid } = site.user
  if (uid !== undefined && gid !== undefined) await chown(data, uid, gid)
  const url = `sqs://us-east-1?endpoint=${encodeURIComponent(`http://127.0.0.1:${port}`)}`
  const version: { version: string } = createRequire(import.meta.url)(join(packageDir, 'package.json'))
  return {
    url,
    helpers: [],
    server: {
      file: process.execPath,
      args: ['--import', REPAIR.href, join(packageDir, 'dist', 'server.js')],
      env: {
        PATH: '/usr/bin:/bin',
        FAUXQS_PORT: String(port),
        FAUXQS_DATA_DIR: data,
        FAUXQS_PERSISTENCE: 'true',
        FAUXQS_LOGGER: 'false',
        SWITCHYARD_FAUXQS_DIR: packageDir,
      },
      ...site.user,
    },
    probe: async () => {
      await askSqs(url)
      return version.version
    },
    endSignal: 'SIGTERM',
    readyMs: 30_000,
  }
}

/** Asks an SQS server for its queues; rejects when it does not answer within two seconds. Any HTTP answer below 500 counts. */
export async function askSqs(url: string): Promise<string> {
  const endpoint = new URL(url).searchParams.get('endpoint')
  if (endpoint === null) throw new Error('an sqs: address for tests needs ?endpoint=http://…')
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ListQueues' },
    body: '{}',
    signal: AbortSignal.timeout(2_000),
  })
  await response.arrayBuffer()
  if (response.status >= 500) throw new Error(`${endpoint} answered ${response.status}`)
  return 'unknown'
}
