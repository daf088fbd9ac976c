import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GenericContainer as ContainerBuilder } from 'testcontainers'
import { dockerEngine } from './docker-engine.ts'
import { freePorts } from './free-ports.ts'
import { askPostgres } from './postgres-server.ts'
import { askRabbit } from './rabbitmq-server.ts'
import { askRedis } from './redis-server.ts'
import { RungAbsent } from './rung-absent.ts'
import type { BrokerKind, RunningBroker } from './running-broker.ts'

interface Image {
  readonly name: string
  readonly port: number
  prepare(container: ContainerBuilder, password: string): ContainerBuilder
  url(host: string, password: string): string
  ask(url: string): Promise<string>
}

const IMAGES: Partial<Record<BrokerKind, Image>> = {
  redis: {
    name: 'redis:7',
    port: 6379,
    prepare: (container, password) =>
      container.withCommand(['redis-server', '--requirepass', password, '--appendonly', 'yes', '--save', '']),
    url: (host, password) => `redis://default:${password}@${host}`,
    ask: askRedis,
  },
  rabbitmq: {
    name: 'rabbitmq:4',
    port: 5672,
    prepare: (container, password) =>
      container
        .withEnvironment({ RABBITMQ_DEFAULT_USER: 'switchyard', RABBITMQ_DEFAULT_PASS: password })
        .withCopyContentToContainer([
          {
            content: '[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 5000}]}].\n',
            target: '/etc/rabbitmq/advanced.config',
          },
        ]),
    url: (host, password) => `amqp://switchyard:${password}@${host}`,
    ask: askRabbit,
  },
  postgres: {
    name: 'postgres:18',
    port: 5432,
    prepare: (container, password) =>
      container.withEnvironment({
        POSTGRES_USER: 'switchyard',
        POSTGRES_PASSWORD: password,
        POSTGRES_DB: 'switchyard',
      }),
    url: (host, password) => `postgres://switchyard:${password}@${host}/switchyard`,
    ask: askPostgres,
  },
}

const START_MS = 180_000
const READY_MS = 60_000

/**
 * A broker in a container of its own; testcontainers' reaper removes it when we die. Not run on the project's machines, which have no
 * engine: it compiles against the types and the way without an engine is tested.
 */
export async function dockerBroker(kind: BrokerKind): Promise<RunningBroker> {
  const image = IMAGES[kind]
  if (image === undefined) throw new RungAbsent('no image: the npm package serves')
  const { GenericContainer, getContainerRuntimeClient } = await dockerEngine()
  const password = randomBytes(12).toString('hex')
  const [port = 0] = await freePorts(1)
  const builder = new GenericContainer(image.name)
    .withExposedPorts({ container: image.port, host: port })
    .withStartupTimeout(START_MS)
  const started = await image.prepare(builder, password).start()
  const handle = (await getContainerRuntimeClient()).container.getById(started.getId())
  const url = image.url(`${started.getHost()}:${port}`, password)
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= started.stop().then(() => undefined)
    return stopped
  }
  const version = await ready(image, url).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    kind,
    url,
    version,
    rung: 'docker',
    controllable: true,
    dataDir: undefined,
    flush: async () => {}, // the image is newer than the fault
    kill: async () => void (await handle.kill()),
    pause: async () => void (await handle.pause()),
    resume: async () => void (await handle.unpause()),
    restart: async () => {
      await handle.stop().catch(() => undefined) // a killed container is down already
      await handle.start()
      await ready(image, url)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function ready(image: Image, url: string): Promise<string> {
  for (const deadline = performance.now() + READY_MS; ; ) {
    try {
      return await image.ask(url)
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(100)
    }
  }
}
