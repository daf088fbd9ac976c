import { DeleteQueueCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { type BrokerKind, type RunningBroker, startBroker } from '@switchyard/brokers'
import { connect as connectAmqp } from 'amqplib'
import { Redis } from 'ioredis'
import pg from 'pg'

/** A private broker on which each measurement finds nothing that another one left behind. */
export interface BenchServer {
  readonly kind: BrokerKind
  readonly version: string
  /** Address of an empty place: a new database on Postgres, the same server elsewhere. */
  place(): Promise<string>
  /** Removes what the measurement on `place` left. Nobody may be connected to it any more. */
  clear(place: string, queues: readonly string[]): Promise<void>
  /** Commands (Redis) or transactions (Postgres) that the server has carried out at `place`; null where it does not count. */
  commands(place: string): Promise<number | null>
  stop(): Promise<void>
}

/** Starts a private server of this kind; SQS gets credentials, which fauxqs does not check. `dir`: where its data lies. */
export async function startServer(kind: BrokerKind, dir?: string): Promise<BenchServer> {
  process.env.AWS_ACCESS_KEY_ID ??= 'bench'
  process.env.AWS_SECRET_ACCESS_KEY ??= 'bench'
  const broker = await startBroker(kind, dir === undefined ? {} : { dir })
  const base = { kind, version: broker.version, stop: () => broker.stop() }
  if (kind === 'postgres') return { ...base, ...postgresPlaces(broker) }
  if (kind === 'redis') return { ...base, ...redisPlaces(broker) }
  if (kind === 'rabbitmq') return { ...base, ...rabbitPlaces(broker) }
  return { ...base, ...sqsPlaces(broker) }
}

type Places = Pick<BenchServer, 'place' | 'clear' | 'commands'>

function postgresPlaces(broker: RunningBroker): Places {
  let made = 0
  const ask = async (url: string, sql: string): Promise<pg.QueryResult> => {
    const client = new pg.Client(url)
    await client.connect()
    try {
      return await client.query(sql)
    } finally {
      await client.end()
    }
  }
  const databaseOf = (place: string) => new URL(place).pathname.slice(1)
  return {
    place: async () => {
      made += 1
      const url = new URL(broker.url)
      url.pathname = `/bench_${process.pid}_${made}`
      await ask(broker.url, `CREATE DATABASE ${databaseOf(url.href)}`)
      return url.href
    },
    clear: async (place) => void (await ask(broker.url, `DROP DATABASE ${databaseOf(place)} WITH (FORCE)`)),
    commands: async (place) => {
      const sql = `SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = '${databaseOf(place)}'`
      return Number((await ask(broker.url, sql)).rows[0].n)
    },
  }
}

function redisPlaces(broker: RunningBroker): Places {
  const ask = async <Value>(run: (redis: Redis) => Promise<Value>): Promise<Value> => {
    const redis = new Redis(broker.url)
    try {
      return await run(redis)
    } finally {
      redis.disconnect()
    }
  }
  return {
    place: async () => broker.url,
    clear: async () => void (await ask((redis) => redis.flushall())),
    commands: () =>
      ask(async (redis) => Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1] ?? Number.NaN)),
  }
}

function rabbitPlaces(broker: RunningBroker): Places {
  return {
    place: async () => broker.url,
    clear: async (_, queues) => {
      const model = await connectAmqp(broker.url)
      const channel = await model.createChannel()
      for (const queue of queues) await channel.deleteQueue(queue)
      await model.close()
    },
    commands: async () => null,
  }
}

function sqsPlaces(broker: RunningBroker): Places {
  const client = sqsClient(broker.url)
  return {
    place: async () => broker.url,
    clear: async () => {
      const { QueueUrls = [] } = await client.send(new ListQueuesCommand({}))
      for (const QueueUrl of QueueUrls) await client.send(new DeleteQueueCommand({ QueueUrl }))
    },
    commands: async () => null,
  }
}

/** A client for `sqs://region?endpoint=…`. */
export function sqsClient(url: string): SQSClient {
  const { hostname, searchParams } = new URL(url)
  const endpoint = searchParams.get('endpoint')
  return new SQSClient({ region: hostname, ...(endpoint === null ? {} : { endpoint }) })
}
