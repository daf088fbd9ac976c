import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { idleCost, startLatency } from './latency.ts'
import { type MeasuredRow, median } from './measured-row.ts'
import { sharedRate } from './processes.ts'
import { plainjob } from './rival-plainjob.ts'
import { enqueueRate, processRate, withYard } from './throughput.ts'

const COUNT = 40_000
const BATCH = 500

/** SQLite, as it is delivered: FULL for what is sent, NORMAL for what is completed; and npm plainjob on the same disk in turns. */
export async function sqliteRows(rounds: number, deepest: number): Promise<readonly MeasuredRow[]> {
  const dir = mkdtempSync(join(tmpdir(), 'switchyard-bench-'))
  let files = 0
  const fresh = () => {
    files += 1
    return join(dir, `${files}.db`)
  }
  try {
    return [
      ...(await sideBySide(fresh, rounds)),
      ...(await scaling(fresh)),
      ...(await depth(fresh, deepest)),
      ...(await calm(fresh)),
    ]
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const group = 'sqlite'

async function sideBySide(fresh: () => string, rounds: number): Promise<readonly MeasuredRow[]> {
  const ours: { enqueue: number; process: number; one: number }[] = []
  const rival: { enqueue: number; process: number }[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(
      await withYard(`sqlite:${fresh()}`, async (yard) => {
        const enqueue = await enqueueRate(yard, COUNT, BATCH)
        const processed = await processRate(yard, COUNT, 100)
        await enqueueRate(yard, COUNT / 4, BATCH)
        return { enqueue, process: processed, one: await processRate(yard, COUNT / 4, 1) }
      }),
    )
    rival.push(await plainjob(fresh(), COUNT / 4, BATCH))
  }
  const enqueue = median(ours.map((one) => one.enqueue))
  const processed = median(ours.map((one) => one.process))
  const single = median(ours.map((one) => one.one))
  const rivalEnqueue = median(rival.map((one) => one.enqueue))
  const rivalProcess = median(rival.map((one) => one.process))
  return [
    {
      group,
      name: 'enqueue, batches of 500',
      value: enqueue,
      unit: 'jobs/s',
      rounds,
      target: { least: 10_000 },
      note: 'FULL',
    },
    {
      group,
      name: 'process, concurrency 100, one process',
      value: processed,
      unit: 'jobs/s',
      rounds,
      target: { least: 8_000 },
      note: 'NORMAL',
    },
    { group, name: 'process, concurrency 1, one process', value: single, unit: 'jobs/s', rounds },
    {
      group,
      name: 'plainjob: enqueue, batches of 500',
      value: rivalEnqueue,
      unit: 'jobs/s',
      rounds,
      note: 'its default: NORMAL',
    },
    { group, name: 'plainjob: process (one at a time)', value: rivalProcess, unit: 'jobs/s', rounds },
    { group, name: 'ratio to plainjob, enqueue', value: enqueue / rivalEnqueue, unit: 'x', rounds },
    { group, name: 'ratio to plainjob, process at concurrency 1', value: single / rivalProcess, unit: 'x', rounds },
  ]
}

async function scaling(fresh: () => string): Promise<readonly MeasuredRow[]> {
  const rows: MeasuredRow[] = []
  for (const processes of [1, 2, 4]) {
    const broker = `sqlite:${fresh()}`
    await withYard(broker, (yard) => enqueueRate(yard, COUNT, BATCH))
    rows.push({
      group,
      name: `process together, ${processes} process${processes > 1 ? 'es' : ''}`,
      value: await sharedRate(broker, processes, COUNT),
      unit: 'jobs/s',
    })
  }
  return rows
}

async function depth(fresh: () => string, deepest: number): Promise<readonly MeasuredRow[]> {
  const rows: MeasuredRow[] = []
  for (const waiting of [1_000, 100_000, 1_000_000].filter((depthOf) => depthOf <= deepest)) {
    await withYard(`sqlite:${fresh()}`, async (yard) => {
      await enqueueRate(yard, waiting, 1_000)
      // Top up what is taken, so that the depth stays what the row says.
      const rate = await processRate(yard, Math.min(waiting, 20_000), 100)
      rows.push({ group, name: `process with ${waiting.toLocaleString('en')} waiting`, value: rate, unit: 'jobs/s' })
    })
  }
  return rows
}

async function calm(fresh: () => string): Promise<readonly MeasuredRow[]> {
  const latency = await withYard(`sqlite:${fresh()}`, (yard) => startLatency(yard, { perSecond: 200, seconds: 5 }))
  const idle = await withYard(`sqlite:${fresh()}`, (yard) => idleCost(yard, 5))
  return [
    { group, name: 'enqueue to start at 200/s, p50', value: latency.p50, unit: 'ms' },
    { group, name: 'enqueue to start at 200/s, p99', value: latency.p99, unit: 'ms', target: { most: 50 } },
    { group, name: 'idle worker, CPU', value: idle, unit: '%', target: { most: 0.5 } },
  ]
}
