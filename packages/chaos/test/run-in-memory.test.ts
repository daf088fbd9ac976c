import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChaosRun, resultsOf, runChaos } from '@switchyard/chaos'
import { afterEach, describe, expect, it } from 'vitest'

const app = fileURLToPath(new URL('./charge-app.ts', import.meta.url))
const sizes = { jobs: 150, workers: 3, concurrency: 4, leaseMs: 1_000, kills: 4, freezes: 1, lapses: 4, stops: 1 }
const folders: string[] = []
afterEach(() => {
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true })
})

function inMemory(variant: string): Promise<ChaosRun> {
  const dir = mkdtempSync(join(tmpdir(), 'switchyard-memory-'))
  folders.push(dir)
  return runChaos({ app, broker: 'memory:', seed: 2, dir, variant, sizes, deadlineMs: 60_000 })
}

describe('a chaos run in memory', () => {
  it('passes careful handlers: what killed workers held lapsed and came back', async () => {
    const run = await inMemory('careful')
    const findings = run.judgement.findings.map(({ checker, verdict, violations }) => [checker, verdict, violations])
    expect(findings).toEqual(findings.map(([checker]) => [checker, 'pass', []]))
    const results = resultsOf(run)
    expect(results.hits.kills).toBeGreaterThanOrEqual(3)
    expect(results.secondDeliveries.filter(({ cause }) => cause?.endsWith('was killed')).length).toBeGreaterThan(0)
    // A worker inside the harness has its pid: only its history tells it from the others.
    const starts = run.history.events.flatMap((event) => (event.kind === 'worker.start' ? [event.pid] : []))
    expect(new Set(starts)).toEqual(new Set([process.pid]))
    expect(starts.length).toBeGreaterThan(3)
  })

  it('finds the double effect of the naive handler and blames nothing else', async () => {
    const run = await inMemory('naive')
    const failed = run.judgement.findings.filter(({ verdict }) => verdict === 'fail')
    expect(failed.map(({ checker }) => checker)).toEqual(['effects-once'])
  })
})
