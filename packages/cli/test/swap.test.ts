import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { type RunningBroker, startBroker } from '@switchyard/brokers'
import { connect, type Yard } from '@switchyard/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FIXTURE, type Running, run, start } from './command.ts'
import config, { note } from './fixture/switchyard.config.ts'

const WAITING = 1_000
/** Longer than it takes to start three processes on a busy machine. */
const DELAY_MS = 5_000
const LATER = 200
const HELD = 5_000
const NOTHING = { ready: 0, delayed: 0, leased: 0 }

let postgres: RunningBroker
let redis: RunningBroker
beforeAll(async () => {
  ;[postgres, redis] = await Promise.all([startBroker('postgres'), startBroker('redis')])
})
afterAll(() => Promise.all([postgres?.stop(), redis?.stop()]))

let dir: string
let running: Running[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'switchyard-swap-'))
  running = []
})
afterEach(async () => {
  for (const one of running) one.kill('SIGKILL')
  await Promise.all(running.map(({ ended }) => ended))
  rmSync(dir, { recursive: true, force: true })
})

function keep(one: Running): Running {
  running.push(one)
  return one
}

function written(): ReadonlySet<number> {
  const file = join(dir, 'out.txt')
  return new Set(existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number.parseFloat) : [])
}

/** Runs fixture/produce.ts; resolves to the number of accepted jobs. */
function produce(
  env: Readonly<Record<string, string>>,
  numbers: readonly [from: number, count: number, delayMs: number],
) {
  const child = spawn(process.execPath, ['produce.ts', ...numbers.map(String)], {
    cwd: FIXTURE,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += String(chunk)
  })
  return new Promise<number>((resolve) => child.on('close', () => resolve(Number(out))))
}

/** The broker as this process sees it. */
function look(broker: string): Promise<Yard> {
  return connect({ broker, jobs: config.jobs, queues: config.queues ?? {}, base: FIXTURE })
}

async function figures(yard: Yard) {
  const { lanes } = await yard.stats('notes')
  const sum = (name: 'ready' | 'delayed' | 'leased') => {
    const figure = lanes.map(({ stats }) => stats[name])
    return figure.every((one) => one?.exact) ? figure.reduce((total, one) => total + (one?.value ?? 0), 0) : null
  }
  return { ready: sum('ready'), delayed: sum('delayed'), leased: sum('leased') }
}

async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 30_000; !(await done()); await after(50)) {
    if (performance.now() > deadline) throw new Error(`not within 30 s: ${what}`)
  }
}

describe('swapping the broker while 1,000 delayed jobs wait on the old one', { timeout: 90_000 }, () => {
  it.each([
    ['redis', () => redis.url],
    ['sqlite', () => `sqlite:${join(dir, 'jobs.db')}`],
  ] as const)(
    'loses none from %s to postgres, and --drain ends only when nothing waits and nothing runs',
    async (kind, url) => {
      const oldUrl = url()
      const FIXTURE_OUT = join(dir, 'out.txt')
      const before = { SWITCHYARD_BROKER_URL: oldUrl, FIXTURE_OUT }
      const now = { SWITCHYARD_BROKER_URL: postgres.url, FIXTURE_OUT }
      await using old = await look(oldUrl)
      await using next = await look(postgres.url)
      const first = kind === 'redis' ? 0 : 10_000

      // An old worker that is busy with one long job, and has no slot for others.
      const gate = join(dir, 'gate')
      await old.enqueue(note, { n: HELD, until: gate })
      const busy = keep(start(['worker', '--concurrency', '1'], { env: before }))
      expect(await produce(before, [first, WAITING, DELAY_MS])).toBe(WAITING)
      await until('the long job runs', async () => (await figures(old)).leased === 1)
      const { ready, delayed } = await figures(old)
      expect((ready ?? 0) + (delayed ?? 0)).toBe(WAITING)

      // Interrupted after its first job, it says so.
      await old.enqueue(note, { n: first + WAITING })
      const interrupted = keep(start(['worker', '--drain', '--broker', oldUrl], { env: now }))
      await interrupted.says('job.completed')
      interrupted.kill('SIGTERM')
      expect(await interrupted.ended).toMatchObject({ code: 2, signal: null })

      const drain = keep(start(['worker', '--drain', '--broker', oldUrl], { env: now }))
      let drained = false
      void drain.ended.then(() => {
        drained = true
      })
      expect(await produce(now, [first + WAITING + 1, LATER, 3_000])).toBe(LATER)
      // Nothing is ready or leased there yet: a drain that did not count delays would end without having run one of them.
      expect(await keep(start(['worker', '--drain'], { env: now })).ended).toMatchObject({ code: 0 })
      const ranLater = [...written()].filter((n) => n > first + WAITING && n !== HELD)
      expect(ranLater).toHaveLength(LATER)

      await until('the delayed jobs ran', () => written().size === WAITING + 1 + LATER)
      const onlyTheLongOne = { ready: 0, delayed: 0, leased: 1 }
      await until('their settlements', async () => (await figures(old)).leased === 1)
      expect(await figures(old)).toEqual(onlyTheLongOne)
      // A drain that did not count leases looks twice, 100 ms apart, and would be gone long before another process has answered.
      expect((await run(['queues', '--broker', oldUrl])).code).toBe(0)
      expect(drained).toBe(false)
      expect(await figures(old)).toEqual(onlyTheLongOne)

      writeFileSync(gate, '')
      expect(await drain.ended).toMatchObject({ code: 0, signal: null })
      expect(await figures(old)).toEqual(NOTHING)
      busy.kill('SIGTERM')
      expect(await busy.ended).toMatchObject({ code: 0 })

      expect(await figures(next)).toEqual(NOTHING)
      const all = Array.from({ length: WAITING + 1 + LATER }, (_, index) => first + index)
      expect([...written()].sort((a, b) => a - b)).toEqual([...all, HELD].sort((a, b) => a - b))
    },
  )
})
