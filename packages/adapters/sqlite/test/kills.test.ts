import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isMoved, isRetried, jobId, orderKeyOf } from './kill-child.ts'
import type { KillRun } from './kill-run.ts'
import { runKills } from './kill-run.ts'

/** `SWITCHYARD_KILLS=200` is the full size: 20 000 jobs. The default fits into npm test. */
const KILLS = Number(process.env.SWITCHYARD_KILLS ?? 24)
const JOBS = KILLS * 100
const SEED = Number(process.env.SWITCHYARD_SEED ?? 20_261_122)
const LEASE_MS = 1_000

interface Start {
  readonly process: string
  readonly at: number
  readonly leasedAt: number
  readonly lapses: number
  readonly retried: boolean
}

test(`${JOBS} jobs, 4 processes, ${KILLS} SIGKILLs (seed ${SEED}): none lost, every second start explained`, {
  timeout: 300_000,
}, async () => {
  const run = await runKills({ jobs: JOBS, kills: KILLS, seed: SEED, leaseMs: LEASE_MS })
  const starts = startsOf(run)
  const settled = settledOf(run)
  const indexes = Array.from({ length: JOBS }, (_, index) => index)
  const hits = [...starts.values()].flat().filter(({ process }) => run.killedAt.has(process)).length
  const second = [...starts.values()].flatMap((list) => list.slice(1))
  const unexplained = [...starts].flatMap(([index, list]) => whyNot(index, list, run, settled))
  const active = activeKills(run)
  console.log(
    JSON.stringify({
      ...{ folder: run.folder, seed: SEED, jobs: JOBS, kills: run.killedAt.size, tookMs: run.tookMs },
      ...{ startsByKilled: hits, secondStarts: second.length, activeWhenKilled: active },
      ...{ duplicatesBySend: run.history.filter(({ fields }) => fields[2] === 'duplicate').length },
      ...{ lost: indexes.filter((index) => !run.done.has(jobId(index))).length, unexplained: unexplained.length },
    }),
  )

  expect(run.integrity).toBe('ok')
  expect(indexes.filter((index) => !run.done.has(jobId(index)))).toEqual([])
  expect(indexes.filter((index) => !starts.has(index))).toEqual([])
  expect(run.left).toBe(0)
  expect(unexplained).toEqual([])
  expect(outOfOrder(starts)).toEqual([])
  expect([...settled].filter(([, times]) => times > 1)).toEqual([])
  expect(run.dead.map(Number).sort((a, b) => a - b)).toEqual(indexes.filter(isMoved))
  expect(run.history.filter(({ fields }) => fields[0] === 'fault')).toEqual([])
  // Nothing proven unless kills struck while jobs were being worked on.
  expect(run.killedAt.size).toBe(KILLS)
  expect(active).toBeGreaterThan(KILLS / 8)
  rmSync(run.folder, { recursive: true, force: true })
})

function startsOf(run: KillRun): Map<number, Start[]> {
  const starts = new Map<number, Start[]>()
  for (const { process, fields } of run.history) {
    const [kind, index, at, leasedAt, lapses, retried] = fields
    if (kind !== 'start') continue
    const list = starts.get(Number(index)) ?? []
    starts.set(Number(index), list)
    const times = { at: Number(at), leasedAt: Number(leasedAt), lapses: Number(lapses) }
    list.push({ process, ...times, retried: retried === '1' })
  }
  for (const list of starts.values()) list.sort((a, b) => a.leasedAt - b.leasedAt)
  return starts
}

/** Within a key nobody starts before everybody who was sent earlier has started for the last time. */
function outOfOrder(starts: ReadonlyMap<number, readonly Start[]>): string[] {
  const last = new Map<string, { readonly index: number; readonly leasedAt: number }>()
  return [...starts.keys()]
    .sort((a, b) => a - b)
    .flatMap((index) => {
      const key = orderKeyOf(index, JOBS / 2)
      const list = starts.get(index) ?? []
      const [first, final] = [list[0], list.at(-1)]
      if (key === null || first === undefined || final === undefined) return []
      const before = last.get(key)
      last.set(key, { index, leasedAt: final.leasedAt })
      return before === undefined || before.leasedAt <= first.leasedAt
        ? []
        : [`${key}: ${index} before ${before.index}`]
    })
}

/** How often each job was settled for good, as far as anybody was told. */
function settledOf(run: KillRun): Map<number, number> {
  const settled = new Map<number, number>()
  for (const { fields } of run.history) {
    const [kind, index, , how, result] = fields
    if (kind !== 'settle' || how === 'retry' || result !== 'settled') continue
    settled.set(Number(index), (settled.get(Number(index)) ?? 0) + 1)
  }
  return settled
}

/** A second start needs a cause: the retry that its note tells of, or an earlier lease that ended and was counted. */
function whyNot(index: number, list: readonly Start[], run: KillRun, settled: ReadonlyMap<number, number>): string[] {
  return list.slice(1).flatMap((start, at) => {
    const before = list[at]
    if (before === undefined) return []
    if (start.retried && !before.retried)
      return isRetried(index) ? [] : [`job ${index}: retried, but never asked to be`]
    const killed = run.killedAt.has(before.process)
    const ended = start.leasedAt >= before.leasedAt + LEASE_MS
    const counted = start.lapses > before.lapses
    const told = (settled.get(index) ?? 0) > 0 && !killed && settledBy(run, index, before.process)
    if (ended && counted && !told) return []
    return [`job ${index}: ${JSON.stringify({ before, start, killed, ended, counted, told })}`]
  })
}

function settledBy(run: KillRun, index: number, process: string): boolean {
  return run.history.some(
    (line) =>
      line.process === process &&
      line.fields[0] === 'settle' &&
      Number(line.fields[1]) === index &&
      line.fields[4] === 'settled',
  )
}

/** Kills that struck a process between a start and the answer to its settlement. */
function activeKills(run: KillRun): number {
  return [...run.killedAt.keys()].filter((process) => {
    const lines = run.history.filter((line) => line.process === process)
    const count = (kind: string) => lines.filter(({ fields }) => fields[0] === kind).length
    return count('start') > count('settle')
  }).length
}
