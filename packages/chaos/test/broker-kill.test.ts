import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brokerOrSkip } from '@switchyard/brokers'
import { type ChaosRun, renderReport, resultsOf, runChaos } from '@switchyard/chaos'
import {
  type EventOf,
  type HistoryEvent,
  historyOf,
  judge,
  outagesOf,
  timelineOf,
} from '@switchyard/conformance/history'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const { broker, skip } = await brokerOrSkip('postgres')
const dir = mkdtempSync(join(tmpdir(), 'switchyard-broker-kill-'))
afterAll(async () => {
  await broker?.stop()
  rmSync(dir, { recursive: true, force: true })
})

/** One run, judged from several sides. */
describe.skipIf(broker?.controllable !== true)(`the broker itself is killed ${skip ?? ''}`, () => {
  let run: ChaosRun
  beforeAll(async () => {
    if (broker === undefined) return
    const app = fileURLToPath(new URL('./charge-app.ts', import.meta.url))
    const sizes = { jobs: 80, leaseMs: 1_000, kills: 2, freezes: 0, lapses: 1, stops: 1, brokerKills: 2 }
    const url = new URL(broker.url)
    url.searchParams.set('monitorIntervalMs', '1000')
    run = await runChaos({
      app,
      broker: url.href,
      server: broker,
      seed: 4,
      dir,
      variant: 'careful',
      sizes,
      deadlineMs: 80_000,
    })
  }, 100_000)

  function all<Kind extends HistoryEvent['kind']>(kind: Kind): readonly EventOf<Kind>[] {
    return run.history.events.filter((event): event is EventOf<Kind> => event.kind === kind)
  }

  it('passes, with both outages in the history, from the kill until it answered again', () => {
    const findings = run.judgement.findings.map(({ checker, verdict, violations }) => [checker, verdict, violations])
    expect(findings).toEqual(findings.map(([checker]) => [checker, 'pass', []]))
    expect(resultsOf(run).hits.brokerKills).toBe(2)
    const outages = outagesOf(timelineOf(run.history))
    const planned = run.plan.faults.flatMap((fault) => (fault.do === 'broker-kill' ? [fault] : []))
    expect(outages.map(({ fault }) => fault).sort()).toEqual(planned.map(({ id }) => id).sort())
    for (const { fault, fromMs, toMs } of outages) {
      expect(toMs - fromMs).toBeGreaterThan(planned.find(({ id }) => id === fault)?.downMs ?? 0)
    }
  })

  it('serves nobody while it is down, and everybody afterwards', () => {
    for (const { inject, startedMs, toMs } of outagesOf(timelineOf(run.history))) {
      const dead = all('fault.hit').find(({ fault, type }) => type === 'broker' && fault === inject.fault)
      const within = (event: HistoryEvent): boolean => event.atMs > (dead?.atMs ?? 0) && event.atMs < startedMs
      expect(all('enqueue.ok').filter(within)).toEqual([])
      expect(all('settle.result').filter((event) => within(event) && event.result === 'settled')).toEqual([])
      expect(all('settle.result').some(({ atMs, result }) => atMs > toMs && result === 'settled')).toBe(true)
    }
  })

  it('proves nothing when it never came back', () => {
    const events = run.history.events.filter((event) => !(event.kind === 'fault.hit' && event.type === 'broker-up'))
    const { findings } = judge(historyOf(events))
    const sufficiency = findings.find(({ checker }) => checker === 'sufficiency')
    expect(sufficiency).toMatchObject({ verdict: 'inconclusive' })
    expect(sufficiency?.notes.at(-1)).toMatch(/0 kills of the broker with jobs in hand, at least 2 were needed/)
  })

  it('is a lane of its own in the report', () => {
    const page = renderReport(run)
    expect(page).toContain('<b>broker</b><span>down 2 times</span>')
    expect(page.match(/<rect class="down"/g)).toHaveLength(2)
  })
})
