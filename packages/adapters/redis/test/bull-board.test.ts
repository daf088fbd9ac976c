import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { queuesHandler } from '@bull-board/api/dist/handlers/queues.js'
import { startBroker } from '@switchyard/brokers'
import { Queue } from 'bullmq'
import { expect, test } from 'vitest'
import { consumerOf, freshQueue, message, openRedis, takeOne } from './fixture.ts'

/** What Bull Board's own handler sends to its page. */
async function boardOf(view: Queue, status: string): Promise<readonly Record<string, unknown>[]> {
  const request = {
    queues: new Map([[view.name, new BullMQAdapter(view)]]),
    query: { activeQueue: view.name, status, page: 1, jobsPerPage: 10 },
  }
  const { body } = await queuesHandler(request as unknown as Parameters<typeof queuesHandler>[0])
  const [queue] = (body as { queues: { jobs: Record<string, unknown>[] }[] }).queues
  return queue?.jobs ?? []
}

test('Bull Board shows name, payload and error of a ready, a delayed and a dead job', async () => {
  await using broker = await startBroker('redis')
  await using open = await openRedis({ url: broker.url })
  const { adapter } = open
  const queue = await freshQueue(adapter)
  const dead = `${queue}.dead`
  await adapter.declare({ name: dead, leaseMs: 30_000, ordered: false, dedupeMs: 0 })
  const named = (name: string, payload: object) => message({ name, body: JSON.stringify(payload) })
  await adapter.send(queue, [named('charge-card', { orderId: 'o-1' }), named('send-mail', { to: 'a@b.c' })])
  const consumer = await consumerOf(adapter, queue)
  const first = await takeOne(consumer)
  await consumer.settle([{ kind: 'retry', delivery: first, delayMs: 60_000, note: '{"failures":["card declined"]}' }])
  const second = await takeOne(consumer)
  const letter = named('send-mail', { to: 'a@b.c', failures: ['mailbox full'] })
  await consumer.settle([{ kind: 'move', delivery: second, to: dead, message: letter }])
  await adapter.send(queue, [named('make-report', { month: 11 })])

  const { hostname, port, password } = new URL(broker.url)
  const connection = { host: hostname, port: Number(port), password }
  const [live, buried] = [queue, dead].map((name) => new Queue(name, { prefix: `{sy:${queue}}`, connection }))
  if (live === undefined || buried === undefined) throw new Error('two queues were opened')
  for (const view of [live, buried]) view.on('error', () => undefined)
  try {
    expect(await boardOf(live, 'waiting')).toMatchObject([
      { name: 'make-report', data: { month: 11 }, isFailed: false },
    ])
    expect(await boardOf(live, 'delayed')).toMatchObject([
      { name: 'charge-card', data: { orderId: 'o-1' }, failedReason: '{"failures":["card declined"]}', isFailed: true },
    ])
    expect(await boardOf(buried, 'waiting')).toMatchObject([
      { name: 'send-mail', data: { to: 'a@b.c', failures: ['mailbox full'] } },
    ])
  } finally {
    await Promise.all([live.close(), buried.close()])
  }
})
