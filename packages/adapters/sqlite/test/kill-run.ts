import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { silentLogger, systemClock } from '@switchyard/core/adapter'
import { sqlite } from '../src/index.ts'
import type { KillChildPlan } from './kill-child.ts'

/** How big, and which dice. */
export interface KillRunOptions {
  readonly jobs: number
  readonly kills: number
  readonly seed: number
  readonly leaseMs: number
}

/** One line of a history, with who wrote it. */
export interface HistoryLine {
  readonly process: string
  readonly fields: readonly string[]
}

/** What the run left behind. */
export interface KillRun {
  readonly folder: string
  /** When each killed incarnation was killed. */
  readonly killedAt: ReadonlyMap<string, number>
  readonly history: readonly HistoryLine[]
  /** Ids that the broker remembers as completed or moved. */
  readonly done: ReadonlySet<string>
  readonly dead: readonly string[]
  readonly left: number
  readonly integrity: unknown
  readonly tookMs: number
}

const LATEST_MS = 100_000

/** Two producers and two consumers on one file; SIGKILL at seeded moments after each has opened it, then a successor. */
export async function runKills(options: KillRunOptions): Promise<KillRun> {
  const { jobs, kills, seed, leaseMs } = options
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-kills-'))
  const file = join(folder, 'jobs.db')
  const started = Date.now()
  const report = () => {}
  const host = { clock: systemClock, log: silentLogger, callDeadlineMs: 20_000, connectDeadlineMs: 20_000, report }
  const adapter = await sqlite({ file })(host)
  await adapter.declare({ name: 'q', leaseMs, ordered: true, dedupeMs: 3_600_000 })
  await adapter.declare({ name: 'dead', leaseMs, ordered: false, dedupeMs: 0 })

  const killedAt = new Map<string, number>()
  const random = mulberry32(seed)
  // Producers are slowed so that they last about as long as the kills do: some 100 ms per kill, 5.5 jobs per batch.
  const pauseMs = Math.max(1, Math.round((kills * 100) / (jobs / 11)))
  const half = Math.ceil(jobs / 2)
  const plans: KillChildPlan[] = [0, 1, 2, 3].map((slot) => ({
    role: slot < 2 ? 'producer' : 'consumer',
    folder,
    history: `slot${slot}.0`,
    jobs: slot === 0 ? [0, half] : [half, jobs],
    half,
    leaseMs,
    pauseMs,
  }))
  const last: Child[] = []
  const runSlot = async (plan: KillChildPlan, slot: number) => {
    const share = Math.floor(kills / 4) + (slot < kills % 4 ? 1 : 0)
    for (let incarnation = 0; ; incarnation += 1) {
      const name = `slot${slot}.${incarnation}`
      const child = start({ ...plan, history: name })
      await child.ready
      if (incarnation === share) return void last.push(child)
      await systemClock.sleep(random() * 200)
      killedAt.set(name, Date.now())
      await child.kill()
    }
  }
  try {
    await Promise.all(plans.map(runSlot))
    await waitUntil(() => doneIds(file).size === jobs)
  } finally {
    await Promise.all(last.map((child) => child.kill()))
  }
  const left = await adapter.stats('q')
  const dead = await adapter.browse?.('dead', { state: 'ready', cursor: null, limit: jobs })
  await adapter.close()
  return {
    folder,
    killedAt,
    history: readHistory(folder),
    done: doneIds(file),
    dead: (dead?.messages ?? []).map(({ message }) => message.body),
    left: [left.ready, left.leased, left.delayed].reduce((sum, figure) => sum + (figure?.value ?? 0), 0),
    integrity: query(file, 'PRAGMA integrity_check')[0]?.integrity_check,
    tookMs: Date.now() - started,
  }
}

interface Child {
  readonly ready: Promise<void>
  kill(): Promise<void>
}

function start(plan: KillChildPlan): Child {
  const script = fileURLToPath(new URL('./kill-child.ts', import.meta.url))
  const child = spawn(process.execPath, [script, JSON.stringify(plan)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${plan.history} ended by itself with ${code}`)))
  })
  return {
    ready,
    kill: () => {
      child.kill('SIGKILL')
      return exited
    },
  }
}

async function waitUntil(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + LATEST_MS
  while (!holds() && Date.now() < deadline) await systemClock.sleep(100)
}

function query(file: string, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(file, { timeout: 5_000 })
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}

function doneIds(file: string): Set<string> {
  return new Set(query(file, 'SELECT id FROM switchyard_done').map(({ id }) => String(id)))
}

function readHistory(folder: string): HistoryLine[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('slot'))
    .flatMap((process) => {
      // A last line without its newline was cut by the kill.
      const lines = readFileSync(join(folder, process), 'utf8').split('\n').slice(0, -1)
      return lines.map((line) => ({ process, fields: line.split(' ') }))
    })
}

/** A small seeded generator (public domain, Tommy Ettinger): the same seed, the same moments. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
