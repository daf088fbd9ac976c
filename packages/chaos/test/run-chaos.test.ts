import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChaosOptions, planFromSeed, type RunProgress, resultsOf, runChaos, writeReport } from '@switchyard/chaos'
import { connect } from '@switchyard/core'
import { afterEach, describe, expect, it } from 'vitest'
import { chaosApp } from './charge-app.ts'

const app = fileURLToPath(new URL('./charge-app.ts', import.meta.url))
const sizes = { jobs: 150, workers: 3, concurrency: 4, leaseMs: 1_000, kills: 4, freezes: 1, lapses: 4, stops: 1 }
const folders: string[] = []
afterEach(() => {
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true })
})

function options(variant: string, more: Partial<ChaosOptions> = {}): ChaosOptions {
  const dir = mkdtempSync(join(tmpdir(), 'switchyard-chaos-'))
  folders.push(dir)
  return { app, broker: `sqlite:${join(dir, 'jobs.db')}`, seed: 1, dir, variant, sizes, deadlineMs: 90_000, ...more }
}

/** Whether any process of this run is left: each has the run's folder in its orders. */
function leftovers(pids: readonly number[]): number[] {
  return pids.filter(
    (pid) => existsSync(`/proc/${pid}/status`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
  )
}

function pidsOf(run: Awaited<ReturnType<typeof runChaos>>): number[] {
  return run.history.events.flatMap((event) => (event.kind === 'worker.start' ? [event.pid] : []))
}

describe('a chaos run on SQLite', () => {
  it('passes careful handlers, with every goal met, and leaves no process behind', async () => {
    const seen: RunProgress[] = []
    const given = options('careful', { onProgress: (progress) => seen.push(progress) })
    const run = await runChaos(given)
    const findings = run.judgement.findings.map(({ checker, verdict, violations }) => [checker, verdict, violations])
    expect(findings).toEqual(findings.map(([checker]) => [checker, 'pass', []]))
    const results = resultsOf(run)
    expect(results.verdict).toBe('pass')
    expect(results.jobs.completed + results.jobs.dead).toBe(150)
    expect(results.hits.kills).toBeGreaterThanOrEqual(planFromSeed(1, sizes).goals.kills)
    expect(results.secondDeliveries.filter(({ overlap }) => overlap).length).toBeGreaterThanOrEqual(3)
    expect(seen.at(-1)).toMatchObject({ enqueued: 150, jobs: 150 })
    expect(pidsOf(run).length).toBeGreaterThan(3)
    expect(leftovers(pidsOf(run))).toEqual([])
    const files = writeReport(given.dir, run)
    expect(JSON.parse(readFileSync(files.results, 'utf8'))).toEqual(JSON.parse(JSON.stringify(results)))
    expect(readFileSync(files.report, 'utf8')).toContain('<span class="verdict pass">pass</span>Charges under chaos')
  })

  it('finds the double effect of the naive handler, names it, and blames nothing else', async () => {
    const run = await runChaos(options('naive'))
    const failed = run.judgement.findings.filter(({ verdict }) => verdict === 'fail')
    expect(failed.map(({ checker }) => checker)).toEqual(['effects-once'])
    expect(failed[0]?.violations[0]?.what).toMatch(
      /^handler charge: effect charge:\d+ was applied [2-9] times at ledger, in \d runs of the job; delivered again because: /,
    )
  })

  it('refuses a broker that already holds jobs of the app, and touches nothing there', async () => {
    const given = options('careful')
    const [item] = chaosApp.workload({ seed: 1, jobs: 1 })
    await using yard = await connect({ broker: given.broker, jobs: chaosApp.jobs })
    await yard.enqueue(item?.job as never, item?.payload as never)
    await expect(runChaos(given)).rejects.toMatchObject({ code: 'steady-state', message: /payments holds 1 jobs/ })
    expect((await yard.stats('payments')).lanes[0]?.stats.ready?.value).toBe(1)
  })

  it('kills no broker that was not started for it', async () => {
    const plan = planFromSeed(1, { ...sizes, brokerKills: 1 })
    await expect(runChaos(options('careful', { plan }))).rejects.toMatchObject({
      code: 'usage',
      message: /The plan kills the broker, which was not started for this run/,
    })
  })

  it('reports a worker that cannot start instead of waiting for it', async () => {
    await expect(runChaos(options('careful', { app: `${app}.missing` }))).rejects.toThrow(/missing/)
    const given = options('broken')
    await expect(runChaos(given)).rejects.toMatchObject({
      code: 'harness',
      message: /ended by itself \(code 70\).*no such variant/s,
    })
  })

  it('ends everything at once when it is told to', async () => {
    const abort = new AbortController()
    const onProgress = ({ kills }: RunProgress): void => {
      if (kills > 0) abort.abort(new Error('enough'))
    }
    await expect(runChaos(options('careful', { signal: abort.signal, onProgress }))).rejects.toThrow('enough')
  })
})
