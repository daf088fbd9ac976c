import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { findProgram } from './find-program.ts'
import { freePorts } from './free-ports.ts'
import type { InstanceSite, ServerPlan, ServerRecipe } from './local-server.ts'
import { quorumQueuesOnDisk } from './quorum-queues-on-disk.ts'
import type { BrokerRung } from './running-broker.ts'
import { serviceUser } from './service-user.ts'

const FOLDERS = ['/usr/lib/rabbitmq/bin', '/opt/homebrew/opt/rabbitmq/sbin', '/usr/local/opt/rabbitmq/sbin']

/** The start script (not Debian's wrapper in /usr/sbin, which changes user and folder), or undefined. */
export function findRabbit(): string | undefined {
  return findProgram('rabbitmq-server', FOLDERS)
}

/** Runs RabbitMQ as a node of its own: own name, ports, epmd, cookie, data and an empty list of plugins. */
export function rabbitRecipe(script: string, rung: BrokerRung): ServerRecipe {
  return { kind: 'rabbitmq', rung, users: [serviceUser('rabbitmq')], plan: (site) => plan(site, script) }
}

async function plan(site: InstanceSite, script: string): Promise<ServerPlan> {
  const epmd = findProgram('epmd', ['/usr/lib/erlang/bin', '/usr/lib/erlang/erts-*/bin'])
  if (epmd === undefined) throw new Error("rabbitmq-server is here but Erlang's epmd is not")
  const [port = 0, distPort = 0, epmdPort = 0] = await freePorts(3)
  const user = `sy${site.id}`
  const password = randomBytes(12).toString('hex')
  const url = `amqp://${user}:${password}@127.0.0.1:${port}`
  const env = await writeNode(site, { port, distPort, epmdPort, user, password })
  await writeFile(join(site.dir, 'node-env.json'), JSON.stringify(env)) // for rabbit-control
  return {
    url,
    helpers: [{ name: 'epmd', file: epmd, args: ['-address', '127.0.0.1', '-port', String(epmdPort)], env }],
    server: { file: script, args: [], env, ...site.user },
    probe: async () => {
      await knock(port)
      return askRabbit(url)
    },
    flush: () => quorumQueuesOnDisk(join(site.dir, 'mnesia')),
    endSignal: 'SIGTERM',
    readyMs: 60_000,
  }
}

interface NodeSettings {
  readonly port: number
  readonly distPort: number
  readonly epmdPort: number
  readonly user: string
  readonly password: string
}

async function writeNode(site: InstanceSite, node: NodeSettings): Promise<Record<string, string>> {
  const at = (name: string): string => join(site.dir, name)
  for (const folder of ['mnesia', 'log', 'config', 'schema']) await mkdir(at(folder))
  const files: Record<string, string> = {
    'rabbitmq.conf': [
      `listeners.tcp.default = 127.0.0.1:${node.port}`,
      `default_user = ${node.user}`,
      `default_pass = ${node.password}`,
      'loopback_users = none',
      'disk_free_limit.absolute = 50MB',
      '',
    ].join('\n'),
    // After a restart at-least-once dead-lettering tries again only after this time, 180 s by default (measured: seam.md 3b).
    'advanced.config': '[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 5000}]}].\n',
    enabled_plugins: '[].\n',
    'rabbitmq-env.conf': '',
    '.erlang.cookie': randomBytes(16).toString('hex'),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(at(name), text)
  await chmod(at('.erlang.cookie'), 0o400)
  const { uid, gid } = site.user
  if (uid !== undefined && gid !== undefined) {
    for (const name of [...Object.keys(files), 'mnesia', 'log', 'config', 'schema']) await chown(at(name), uid, gid)
  }
  return {
    PATH: '/usr/lib/erlang/bin:/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
    HOME: site.dir,
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    HOSTNAME: 'localhost',
    ERL_EPMD_PORT: String(node.epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_CRASH_DUMP_SECONDS: '0',
    RABBITMQ_NODENAME: `sy${site.id}@localhost`,
    RABBITMQ_NODE_PORT: String(node.port),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: String(node.distPort),
    RABBITMQ_HOME_DIR: site.dir,
    RABBITMQ_MNESIA_BASE: at('mnesia'),
    RABBITMQ_LOG_BASE: at('log'),
    RABBITMQ_CONFIG_FILE: at('rabbitmq'),
    RABBITMQ_ADVANCED_CONFIG_FILE: at('advanced.config'),
    RABBITMQ_CONF_ENV_FILE: at('rabbitmq-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
    RABBITMQ_GENERATED_CONFIG_DIR: at('config'),
    RABBITMQ_SCHEMA_DIR: at('schema'),
    RABBITMQ_PID_FILE: at('rabbit.pid'),
    // The distribution on loopback too; schedulers that sleep instead of spinning: the machine is shared.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none',
  }
}

/** Fails at once while nobody listens, so that the client library is not bothered with it. */
function knock(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port, host: '127.0.0.1', timeout: 2_000 })
    const finish = (error?: Error): void => {
      socket.destroy()
      if (error === undefined) resolve()
      else reject(error)
    }
    socket.once('connect', () => finish())
    socket.once('error', finish)
    socket.once('timeout', () => finish(new Error(`port ${port} does not answer`)))
  })
}

/** The version of the server at `url`; rejects when it does not answer within three seconds. */
export async function askRabbit(url: string): Promise<string> {
  const connection = await connect(url, { timeout: 3_000 })
  connection.on('error', () => undefined) // a cut connection also fails the close below
  const version: unknown = connection.connection.serverProperties.version
  await connection.close()
  return String(version)
}
