import { setTimeout as after } from 'node:timers/promises'
import { build } from 'hdr-histogram-js'
import type { BenchServer } from './bench-server.ts'
import type { Contender } from './contender.ts'
import { perSecond } from './throughput.ts'

/** A measurement that takes longer than this is stuck. */
const STUCK_MS = 180_000

/** Jobs per second, and microseconds of CPU of this process per job, which a busy machine disturbs less. */
export type Rate = readonly [perSecond: number, cpuUs: number]

/** Starts the clocks; the answer stops them after `count` jobs. */
function clocks(): (count: number) => Rate {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  return (count) => {
    const { user, system } = process.cpuUsage(before)
    return [perSecond(count, startedAt), (user + system) / count]
  }
}

/** Jobs per second, one call per job, `inFlight` calls at once, each awaited. The first `warm` are not counted. */
export async function singleRate(contender: Contender, count: number, inFlight = 100): Promise<Rate> {
  await lanes(contender, 0, 200, inFlight)
  const stop = clocks()
  await lanes(contender, 200, count, inFlight)
  return stop(count)
}

async function lanes(contender: Contender, from: number, count: number, inFlight: number): Promise<void> {
  let next = from
  const lane = async () => {
    while (next < from + count) await contender.send(next++)
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
}

/** Jobs per second in batches, one batch after the other. */
export async function batchRate(contender: Contender, count: number, batch = 1_000): Promise<Rate> {
  await contender.sendMany(0, 100)
  const stop = clocks()
  await fill(contender, count, batch)
  return stop(count)
}

/** Stores `count` jobs. */
export async function fill(contender: Contender, count: number, batch = 1_000): Promise<void> {
  for (let at = 0; at < count; at += batch) await contender.sendMany(at, Math.min(batch, count - at))
}

/** Jobs per second from the start of the first job until `count` are settled; how long connecting takes is not the question. */
export async function workRate(contender: Contender, count: number, concurrency: number): Promise<Rate> {
  const done = Promise.withResolvers<void>()
  let measured: ReturnType<typeof clocks> | null = null
  let settled = 0
  const stop = await contender.work({
    concurrency,
    started: () => {
      measured ??= clocks()
    },
    settled: (more) => {
      settled += more
      if (settled >= count) done.resolve()
    },
  })
  await orStuck(done.promise, () => `${settled} of ${count} jobs settled`)
  const rate = (measured as ReturnType<typeof clocks> | null)?.(settled)
  await stop()
  if (rate === undefined) throw new Error('jobs were settled that had not started')
  return rate
}

/** Enqueue to start in ms at a steady rate, sender and worker in one process. */
export async function startTimes(
  contender: Contender,
  { perSecond: rate, seconds }: { readonly perSecond: number; readonly seconds: number },
): Promise<{ readonly p50: number; readonly p99: number }> {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  })
  const warm = rate
  const count = warm + rate * seconds
  const sentAt = new Float64Array(count)
  const done = Promise.withResolvers<void>()
  let started = 0
  // Alone: RabbitMQ before 3.13 keeps the first message of a new queue waiting until the queue is on disk.
  await contender.send(0)
  const stop = await contender.work({
    concurrency: 10,
    started: (n) => {
      if (n >= warm) histogram.recordValue(Math.max(1, Math.round((performance.now() - (sentAt[n] ?? 0)) * 1_000)))
      started += 1
      if (started === count) done.resolve()
    },
    settled: () => {},
  })
  const origin = performance.now()
  for (let n = 1; n < count; n++) {
    // Due times from the origin, so that a late send does not thin out the load.
    const wait = origin + (n * 1_000) / rate - performance.now()
    if (wait > 0) await after(wait)
    sentAt[n] = performance.now()
    contender.send(n).catch((error: unknown) => done.reject(error))
  }
  await orStuck(done.promise, () => `${started} of ${count} jobs started`)
  await stop()
  return { p50: histogram.getValueAtPercentile(50) / 1_000, p99: histogram.getValueAtPercentile(99) / 1_000 }
}

/** What an idle worker costs: commands per second at the server (null where it does not count) and CPU of this process in percent of a core. */
export async function idleCosts(
  contender: Contender,
  server: BenchServer,
  seconds: number,
): Promise<{ readonly commands: number | null; readonly cpu: number }> {
  const stop = await contender.work({ concurrency: 10, started: () => {}, settled: () => {} })
  await after(2_000)
  const before = await server.commands(contender.place)
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  await after(seconds * 1_000)
  const cpu = process.cpuUsage(cpuBefore)
  const tookMs = performance.now() - startedAt
  const now = await server.commands(contender.place)
  await stop()
  return {
    commands: before === null || now === null ? null : ((now - before) / tookMs) * 1_000,
    cpu: (cpu.user + cpu.system) / 10 / tookMs,
  }
}

/** Rejects with what is known when `promise` takes longer than three minutes. */
export async function orStuck<Value>(promise: Promise<Value>, state: () => string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`stuck: ${state()} after ${STUCK_MS} ms`)), STUCK_MS)
  })
  try {
    return await Promise.race([promise, stuck])
  } finally {
    clearTimeout(timer)
  }
}
