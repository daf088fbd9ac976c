import { connect } from 'amqplib'
import pg from 'pg'
import type { BrokerKind } from '../src/index.ts'
import { redisCommand } from '../src/redis-command.ts'

/** Puts one durable text and takes it again, over a new connection each time. Rejects when the server does not answer. */
export interface BrokerClient {
  put(text: string): Promise<void>
  take(): Promise<string | undefined>
}

/** The smallest durable queue on each server. */
export function client(kind: BrokerKind, url: () => string): BrokerClient {
  switch (kind) {
    case 'redis':
      return {
        put: async (text) => void (await redisCommand(url(), ['RPUSH', 'probe', text])),
        take: () => redisCommand(url(), ['LPOP', 'probe']),
      }
    case 'rabbitmq':
      return rabbit(url)
    case 'sqs':
      return sqs(url)
    case 'postgres':
      return postgres(url)
  }
}

function rabbit(url: () => string): BrokerClient {
  const use = async <T>(work: (channel: ConfirmChannel) => Promise<T>): Promise<T> => {
    const connection = await connect(url(), { timeout: 10_000 })
    connection.on('error', () => undefined)
    try {
      const channel = await connection.createConfirmChannel()
      await channel.assertQueue('probe', { durable: true, arguments: { 'x-queue-type': 'quorum' } })
      return await work(channel)
    } finally {
      await connection.close().catch(() => undefined)
    }
  }
  return {
    put: (text) =>
      use(async (channel) => {
        channel.sendToQueue('probe', Buffer.from(text), { persistent: true })
        await channel.waitForConfirms()
      }),
    take: () =>
      use(async (channel) => {
        const message = await channel.get('probe')
        if (message === false) return undefined
        channel.ack(message)
        await channel.close()
        return message.content.toString()
      }),
  }
}

type ConfirmChannel = Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createConfirmChannel']>>

function postgres(url: () => string): BrokerClient {
  const use = async <T>(work: (session: pg.Client) => Promise<T>): Promise<T> => {
    const session = new pg.Client({ connectionString: url(), connectionTimeoutMillis: 20_000 })
    session.on('error', () => undefined)
    try {
      await session.connect()
      await session.query('CREATE TABLE IF NOT EXISTS probe (body text)')
      return await work(session)
    } finally {
      await session.end().catch(() => undefined)
    }
  }
  return {
    put: (text) => use(async (session) => void (await session.query('INSERT INTO probe VALUES ($1)', [text]))),
    take: () => use(async (session) => (await session.query('DELETE FROM probe RETURNING body')).rows[0]?.body),
  }
}

function sqs(url: () => string): BrokerClient {
  const call = async (action: string, body: object): Promise<Record<string, unknown>> => {
    const response = await fetch(new URL(url()).searchParams.get('endpoint') ?? '', {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(await response.text())
    const text = await response.text()
    return text === '' ? {} : JSON.parse(text)
  }
  const queue = async (): Promise<unknown> => (await call('CreateQueue', { QueueName: 'probe' })).QueueUrl
  return {
    put: async (text) => void (await call('SendMessage', { QueueUrl: await queue(), MessageBody: text })),
    take: async () => {
      const QueueUrl = await queue()
      const { Messages } = (await call('ReceiveMessage', { QueueUrl })) as {
        Messages?: { Body: string; ReceiptHandle: string }[]
      }
      const [message] = Messages ?? []
      if (message !== undefined) await call('DeleteMessage', { QueueUrl, ReceiptHandle: message.ReceiptHandle })
      return message?.Body
    },
  }
}
