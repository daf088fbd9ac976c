import { PgBoss } from 'pg-boss'
import type { Contender, ContenderKind, OpenOptions, WorkPlan } from './contender.ts'
import { equalWork, never } from './handler-of.ts'
import { payload, payloadOf } from './noop-job.ts'

/** pg-boss on a partitioned queue with LISTEN/NOTIFY: the settings that its documentation recommends for throughput and latency. */
async function open(url: string, { queue, leaseMs }: OpenOptions): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: url, useListenNotify: true, max: 10, monitorIntervalSeconds: 5 })
  boss.on('error', (error) => console.error('pg-boss:', error.message))
  await boss.start()
  await boss.createQueue(queue, {
    partition: true,
    notify: true,
    ...(leaseMs === undefined ? {} : { heartbeatSeconds: leaseMs / 1_000 }),
  })
  return boss
}

/** With the same work as ours: `work()` with per-job results and a batch as large as the concurrency. */
export const pgBossEqual: ContenderKind = {
  name: 'pg-boss',
  comparison: 'equal',
  note: 'work() with perJobResults, batchSize = concurrency, burstWhenBatchFull; at concurrency 1 a fetch and complete loop, since work() then waits for its poll after every job',
  async open(server, options) {
    const place = await server.place()
    const boss = await open(place, options)
    return {
      ...senders(boss, options.queue, async (n) => payload.parseAsync(payloadOf(n))),
      place,
      work: (plan) =>
        plan.concurrency === 1 && plan.hang !== true
          ? singly(boss, options.queue, plan)
          : equally(boss, options.queue, plan),
      close: () => boss.stop({ graceful: false }),
    }
  },
}

/** As fast as it goes: batches of 200 that settle as one. */
export const pgBossBare: ContenderKind = {
  name: 'pg-boss, batches',
  comparison: 'bare',
  note: 'work() with batchSize 200 (at concurrency 10: 10, at 1: fetch and complete) and burstWhenBatchFull; a batch settles as one, nothing is validated, no timeout',
  absent: ['latency', 'idle', 'recovery', 'depth'],
  async open(server, options) {
    const place = await server.place()
    const boss = await open(place, options)
    return {
      ...senders(boss, options.queue, (n) => payloadOf(n)),
      place,
      work: async (plan) => {
        if (plan.concurrency === 1) return singly(boss, options.queue, plan, { bare: true })
        const batchSize = plan.concurrency >= 100 ? 200 : plan.concurrency
        await boss.work(options.queue, { batchSize, burstWhenBatchFull: true }, async (jobs) => {
          plan.started(0)
          // The completion of the batch follows the handler; pg-boss does not tell when it is done.
          plan.settled(jobs.length)
        })
        return () => boss.offWork(options.queue)
      },
      close: () => boss.stop({ graceful: false }),
    }
  },
}

function senders(
  boss: PgBoss,
  queue: string,
  make: (n: number) => object | Promise<object>,
): Pick<Contender, 'send' | 'sendMany'> {
  return {
    send: async (n) => boss.send(queue, await make(n)),
    sendMany: async (from, size) => {
      const jobs: { data: object }[] = []
      for (let index = 0; index < size; index++) jobs.push({ data: await make(from + index) })
      await boss.insert(queue, jobs)
    },
  }
}

async function equally(boss: PgBoss, queue: string, plan: WorkPlan): Promise<() => Promise<unknown>> {
  const options = {
    batchSize: plan.concurrency,
    perJobResults: true,
    burstWhenBatchFull: true,
    pollingIntervalSeconds: 0.5,
    notifyPollingIntervalSeconds: 0.5,
  } as const
  await boss.work<object, unknown, typeof options>(queue, options, async (jobs) => {
    const results = await Promise.all(
      jobs.map(async (job) => {
        await equalWork(plan, job.data)
        return { id: job.id, status: 'completed' as const }
      }),
    )
    plan.settled(jobs.length)
    return results
  })
  return () => boss.offWork(queue, { wait: plan.hang !== true })
}

/** One at a time by hand. */
async function singly(
  boss: PgBoss,
  queue: string,
  plan: WorkPlan,
  { bare = false } = {},
): Promise<() => Promise<unknown>> {
  let stopped = false
  const loop = async () => {
    while (!stopped) {
      const [job] = await boss.fetch<object>(queue)
      if (job === undefined) continue
      if (!bare) await equalWork(plan, job.data)
      else plan.started(0)
      if (plan.hang === true) await never()
      await boss.complete(queue, job.id)
      plan.settled(1)
    }
  }
  const running = loop()
  return () => {
    stopped = true
    return running
  }
}
