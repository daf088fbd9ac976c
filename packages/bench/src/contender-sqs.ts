import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { Consumer } from 'sqs-consumer'
import { type BenchServer, sqsClient } from './bench-server.ts'
import type { Contender, ContenderKind, OpenOptions, WorkPlan } from './contender.ts'
import { equalWork } from './handler-of.ts'
import { payload, payloadOf } from './noop-job.ts'

/** sqs-consumer: ten messages per poll, each deleted by itself; above concurrency 10 several consumers, since it has no other way. */
export const sqsConsumer: ContenderKind = {
  name: 'sqs-consumer',
  comparison: 'equal',
  note: 'handleMessage, batchSize 10 (1 at concurrency 1), concurrency / 10 consumers',
  open: (server, options) =>
    open(server, options, {
      make: async (n) => JSON.stringify(await payload.parseAsync(payloadOf(n))),
      work: async ({ client, url, leaseMs }, plan) => {
        const consumers = Array.from({ length: Math.ceil(plan.concurrency / 10) }, () => {
          const consumer = Consumer.create({
            queueUrl: url,
            sqs: client,
            batchSize: Math.min(10, plan.concurrency),
            waitTimeSeconds: 20,
            ...(leaseMs === undefined ? {} : { visibilityTimeout: leaseMs / 1_000 }),
            handleMessage: async (message) => {
              await equalWork(plan, JSON.parse(message.Body ?? ''))
              return message
            },
          })
          consumer.on('message_processed', () => plan.settled(1))
          consumer.on('error', () => {})
          consumer.start()
          return consumer
        })
        return async () => {
          for (const consumer of consumers) consumer.stop({ abort: true })
        }
      },
    }),
}

/** The plain loop: receive ten, delete ten, several loops at once. */
export const sqsLoop: ContenderKind = {
  name: 'batch loop',
  comparison: 'bare',
  note: 'receive 10, DeleteMessageBatch; 1 loop at concurrency 1 and 10, 4 at 100; not decoded',
  absent: ['latency', 'idle', 'recovery', 'depth'],
  open: (server, options) =>
    open(server, options, {
      make: (n) => JSON.stringify(payloadOf(n)),
      work: async (target, plan) => {
        const stop = new AbortController()
        const loops = plan.concurrency >= 100 ? 4 : 1
        for (let index = 0; index < loops; index++) void loop(target, plan, stop.signal)
        return async () => stop.abort()
      },
    }),
}

async function loop({ client, url }: Target, plan: WorkPlan, signal: AbortSignal): Promise<void> {
  const MaxNumberOfMessages = Math.min(10, plan.concurrency)
  while (!signal.aborted) {
    let messages: Message[]
    try {
      const command = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages, WaitTimeSeconds: 20 })
      messages = (await client.send(command, { abortSignal: signal })).Messages ?? []
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    if (messages.length === 0) continue
    plan.started(0)
    const Entries = messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }))
    await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }))
    plan.settled(messages.length)
  }
}

interface Target {
  readonly client: SQSClient
  readonly url: string
  readonly leaseMs: number | undefined
}

interface Way {
  readonly make: (n: number) => string | Promise<string>
  readonly work: (target: Target, plan: WorkPlan) => Promise<() => Promise<unknown>>
}

async function open(server: BenchServer, { queue, leaseMs }: OpenOptions, way: Way): Promise<Contender> {
  const place = await server.place()
  const client = sqsClient(place)
  const { QueueUrl: url = '' } = await client.send(new CreateQueueCommand({ QueueName: queue }))
  return {
    place,
    send: async (n) => client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: await way.make(n) })),
    sendMany: async (from, size) => {
      const sends: Promise<unknown>[] = []
      for (let at = 0; at < size; at += 10) {
        const Entries: { Id: string; MessageBody: string }[] = []
        for (let index = at; index < Math.min(at + 10, size); index++)
          Entries.push({ Id: String(index), MessageBody: await way.make(from + index) })
        sends.push(client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries })))
      }
      await Promise.all(sends)
    },
    work: (plan) => way.work({ client, url, leaseMs }, plan),
    close: async () => client.destroy(),
  }
}
