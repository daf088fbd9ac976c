import { type ConfirmChannel, connect } from 'amqplib'
import type { BenchServer } from './bench-server.ts'
import type { Contender, ContenderKind, OpenOptions, WorkPlan } from './contender.ts'
import { equalWork } from './handler-of.ts'
import { payload, payloadOf } from './noop-job.ts'

/** A prefetch consumer with confirms on a quorum queue, each message decoded, validated, run under a timeout and acknowledged by itself. */
export const amqplibEqual: ContenderKind = {
  name: 'amqplib',
  comparison: 'equal',
  note: 'noDelay, quorum queue, prefetch = concurrency, each message acknowledged by itself',
  open: (server, options) =>
    open(server, options, {
      make: async (n) => Buffer.from(JSON.stringify(await payload.parseAsync(payloadOf(n)))),
      consume: async (channel, queue, plan, isClosed) => {
        await channel.prefetch(plan.concurrency)
        return channel.consume(queue, async (message) => {
          if (message === null) return
          await equalWork(plan, JSON.parse(message.content.toString()))
          if (isClosed()) return
          channel.ack(message)
          plan.settled(1)
        })
      },
    }),
}

/** At concurrency 100: prefetch 250 and one acknowledgement for fifty messages. Nothing is decoded. */
export const amqplibBare: ContenderKind = {
  name: 'amqplib, bare',
  comparison: 'bare',
  note: 'not decoded; at concurrency 100 prefetch 250 and one acknowledgement for 50 messages',
  absent: ['latency', 'idle', 'recovery', 'depth'],
  open: (server, options) =>
    open(server, options, {
      make: (n) => Buffer.from(JSON.stringify(payloadOf(n))),
      consume: async (channel, queue, plan, isClosed) => {
        const multiple = plan.concurrency >= 100
        await channel.prefetch(multiple ? 250 : plan.concurrency)
        let seen = 0
        return channel.consume(queue, (message) => {
          if (message === null || isClosed()) return
          plan.started(0)
          seen += 1
          if (!multiple) {
            channel.ack(message)
            plan.settled(1)
          } else if (seen % 50 === 0) {
            channel.ack(message, true)
            plan.settled(50)
          }
        })
      },
    }),
}

interface Way {
  readonly make: (n: number) => Buffer | Promise<Buffer>
  readonly consume: (
    channel: ConfirmChannel,
    queue: string,
    plan: WorkPlan,
    isClosed: () => boolean,
  ) => Promise<{ consumerTag: string }>
}

async function open(server: BenchServer, { queue }: OpenOptions, way: Way): Promise<Contender> {
  const place = await server.place()
  const model = await connect(place, { noDelay: true })
  const channel = await model.createConfirmChannel()
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  const publish = (content: Buffer) =>
    new Promise<void>((resolve, reject) => {
      channel.sendToQueue(queue, content, { persistent: true }, (error) => (error ? reject(error) : resolve()))
    })
  return {
    place,
    send: async (n) => publish(await way.make(n)),
    sendMany: async (from, size) => {
      for (let index = 0; index < size; index++)
        channel.sendToQueue(queue, await way.make(from + index), { persistent: true })
      await channel.waitForConfirms()
    },
    work: async (plan) => {
      const receiving = await model.createConfirmChannel()
      let closed = false
      const { consumerTag } = await way.consume(receiving, queue, plan, () => closed)
      return async () => {
        closed = true
        await receiving.cancel(consumerTag)
        await receiving.close()
      }
    },
    close: () => model.close(),
  }
}
