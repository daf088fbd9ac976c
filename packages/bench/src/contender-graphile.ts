import { Logger, makeWorkerUtils, type RunnerOptions, run, type WorkerUtils } from 'graphile-worker'
import pg from 'pg'
import type { BenchServer } from './bench-server.ts'
import type { Contender, ContenderKind, OpenOptions, WorkPlan } from './contender.ts'
import { equalWork } from './handler-of.ts'
import { payload, payloadOf } from './noop-job.ts'

const silent = new Logger(() => () => {})

/** graphile-worker as it comes: each job is fetched and completed by itself. */
export const graphileEqual: ContenderKind = {
  name: 'graphile-worker',
  comparison: 'equal',
  note: 'default settings, concurrentJobs = concurrency, a pool of concurrency + 2 connections',
  absent: ['recovery', 'depth'],
  open: (server, options) =>
    open(server, options, {
      make: (n) => payload.parseAsync(payloadOf(n)),
      handle: equalWork,
      preset: {},
    }),
}

/** graphile-worker with its local queue and batched completion, the documented way to throughput. */
export const graphileBatched: ContenderKind = {
  name: 'graphile-worker, local queue',
  comparison: 'bare',
  note: 'localQueue of 500, completeJobBatchDelay 0; nothing is validated, no timeout',
  absent: ['latency', 'idle', 'recovery', 'depth'],
  open: (server, options) =>
    open(server, options, {
      make: (n) => payloadOf(n),
      handle: async (plan) => plan.started(0),
      preset: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
    }),
}

interface Way {
  readonly make: (n: number) => object | Promise<object>
  readonly handle: (plan: WorkPlan, decoded: unknown) => Promise<void>
  readonly preset: NonNullable<NonNullable<RunnerOptions['preset']>['worker']>
}

async function open(server: BenchServer, { queue }: OpenOptions, way: Way): Promise<Contender> {
  const place = await server.place()
  const pool = poolOf(place, 10)
  const utils: WorkerUtils = await makeWorkerUtils({ pgPool: pool, logger: silent })
  await utils.migrate()
  return {
    place,
    send: async (n) => utils.addJob(queue, await way.make(n)),
    sendMany: async (from, size) => {
      const specs: { identifier: string; payload: object }[] = []
      for (let index = 0; index < size; index++)
        specs.push({ identifier: queue, payload: await way.make(from + index) })
      await utils.addJobs(specs)
    },
    work: async (plan) => {
      const working = poolOf(place, Math.max(10, plan.concurrency + 2))
      const before = await waiting(working)
      const runner = await run({
        pgPool: working,
        logger: silent,
        noHandleSignals: true,
        taskList: { [queue]: (decoded) => way.handle(plan, decoded) },
        preset: { worker: { ...way.preset, concurrentJobs: plan.concurrency } },
      })
      // With batched completion the event comes before anything is written; then only the table tells.
      const stopCounting =
        way.preset.completeJobBatchDelay === undefined ? () => {} : countRemoved(working, before, plan.settled)
      if (way.preset.completeJobBatchDelay === undefined) runner.events.on('job:complete', () => plan.settled(1))
      return async () => {
        stopCounting()
        await runner.stop()
        await working.end()
      }
    },
    close: async () => {
      await utils.release()
      await pool.end()
    },
  }
}

async function waiting(pool: pg.Pool): Promise<number> {
  return (await pool.query('SELECT count(*)::int AS n FROM graphile_worker._private_jobs')).rows[0].n
}

/** Tells every 20 ms how many jobs have left the table. */
function countRemoved(pool: pg.Pool, before: number, settled: (count: number) => void): () => void {
  let left = before
  let stopped = false
  const look = async () => {
    const now = await waiting(pool)
    if (now < left) settled(left - now)
    left = now
    if (!stopped) timer = setTimeout(() => void look().catch(() => {}), 20)
  }
  let timer: NodeJS.Timeout | undefined
  void look().catch(() => {})
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

/** With the listeners that graphile-worker asks for. */
function poolOf(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max })
  pool.on('error', () => {})
  pool.on('connect', (client) => void client.on('error', () => {}))
  return pool
}
