import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { BenchServer } from './bench-server.ts'
import type { Contender, ContenderKind, OpenOptions, WorkPlan } from './contender.ts'
import { equalWork } from './handler-of.ts'
import { payload, payloadOf } from './noop-job.ts'

/** BullMQ's Worker with validation and a timeout around the processor; it decodes and settles singly by itself. */
export const bullmqEqual: ContenderKind = {
  name: 'BullMQ',
  comparison: 'equal',
  note: 'Worker, removeOnComplete, with validation and a timeout around the processor',
  open: (server, options) =>
    open(server, options, { make: (n) => payload.parseAsync(payloadOf(n)), handle: equalWork }),
}

/** BullMQ's Worker with an empty processor. */
export const bullmqBare: ContenderKind = {
  name: 'BullMQ, bare',
  comparison: 'bare',
  note: 'Worker, removeOnComplete, an empty processor',
  absent: ['latency', 'idle', 'recovery', 'depth'],
  open: (server, options) =>
    open(server, options, { make: (n) => payloadOf(n), handle: async (plan) => plan.started(0) }),
}

interface Way {
  readonly make: (n: number) => object | Promise<object>
  readonly handle: (plan: WorkPlan, decoded: unknown) => Promise<void>
}

async function open(server: BenchServer, { queue, leaseMs }: OpenOptions, way: Way): Promise<Contender> {
  const place = await server.place()
  const connections: Redis[] = []
  const connection = () => {
    const redis = new Redis(place, { maxRetriesPerRequest: null })
    redis.on('error', () => {})
    connections.push(redis)
    return redis
  }
  const defaultJobOptions = { removeOnComplete: true }
  const producer = new Queue(queue, { connection: connection(), defaultJobOptions })
  producer.on('error', () => {})
  await producer.waitUntilReady()
  return {
    place,
    send: async (n) => producer.add('noop', await way.make(n)),
    sendMany: async (from, size) => {
      const jobs: { name: string; data: object }[] = []
      for (let index = 0; index < size; index++) jobs.push({ name: 'noop', data: await way.make(from + index) })
      await producer.addBulk(jobs)
    },
    work: async (plan) => {
      const worker = new Worker(queue, (job) => way.handle(plan, job.data), {
        connection: connection(),
        concurrency: plan.concurrency,
        ...(leaseMs === undefined ? {} : { lockDuration: leaseMs, stalledInterval: leaseMs }),
      })
      worker.on('error', () => {})
      worker.on('completed', () => plan.settled(1))
      await worker.waitUntilReady()
      return () => worker.close(plan.hang === true)
    },
    close: async () => {
      await producer.close()
      for (const redis of connections) redis.disconnect()
    },
  }
}
