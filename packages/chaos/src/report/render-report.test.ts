import { judge, ScriptedHistory, timelineOf } from '@switchyard/conformance/history'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planFromSeed } from '../plan/plan-from-seed.ts'
import type { ChaosRun } from './chaos-run.ts'
import { layOutLanes } from './lane-layout.ts'
import { renderReport } from './render-report.ts'
import { resultsOf } from './results.ts'

function script(): ScriptedHistory {
  return new ScriptedHistory()
    .worker(1, 'worker-1')
    .worker(1, 'worker-2')
    .enqueue(10, 1)
    .enqueue(11, 2)
    .done(20, 'worker-2', 2)
    .start(20, 'worker-1', 1)
    .effect(22, 1)
    .fault(30, 'kill', 'worker-1', [1])
    .done(1_200, 'worker-2', 1)
    .census(9_000)
}

function runOf(made: ScriptedHistory, more: Partial<ChaosRun> = {}): ChaosRun {
  const history = made.history()
  return {
    run: 'r-1',
    title: 'Shop under chaos',
    variant: 'naive',
    broker: 'sqlite:jobs.db',
    seed: 1,
    command: 'switchyard chaos run --seed 1',
    plan: planFromSeed(1),
    history,
    judgement: judge(history),
    startedAt: 1_700_000_000_000,
    tookMs: 9_000,
    environment: { node: 'v24' },
    ...more,
  }
}

describe('the report', () => {
  it('shows verdict, command, the job that broke the rule and its evidence', () => {
    const page = renderReport(runOf(script()))
    expect(page).toContain('<span class="verdict fail">fail</span>Shop under chaos')
    expect(page).toContain('switchyard chaos run --seed 1')
    expect(page).toContain('effect e:1 was applied 2 times at ledger')
    expect(page).toContain('worker-1 was killed')
    expect(page).toContain('data-job="job-1"')
  })

  it('needs no network: nothing in it names another resource, and its policy forbids loading one', () => {
    const page = renderReport(runOf(script()))
    expect(page).not.toMatch(/\b(src|href|action)\s*=|url\(|@import|https?:/)
    expect(page).toContain('Content-Security-Policy" content="default-src &#39;none&#39;;')
  })

  it('escapes whatever came from outside', () => {
    fc.assert(
      fc.property(fc.string(), (noise) => {
        const hostile = `<img onerror=x>"'&${noise}</script><script>x`
        const made = script().at(40, 'worker-2', {
          kind: 'handler.start',
          execution: hostile,
          n: null,
          job: hostile,
          name: hostile,
          queue: hostile,
          attempt: 1,
          lapses: 0,
          digest: null,
        })
        const strange = { title: hostile, broker: hostile, command: hostile, environment: { [hostile]: hostile } }
        const page = renderReport(runOf(made, strange))
        expect(page).not.toContain('<img')
        expect(page.match(/<script>/g)).toHaveLength(1)
        expect(page.match(/<\/script>/g)).toHaveLength(1)
      }),
      { numRuns: 30 },
    )
  })
})

describe('results.json', () => {
  it('says in numbers what the report shows', () => {
    expect(resultsOf(runOf(script()))).toMatchObject({
      v: 1,
      verdict: 'fail',
      jobs: { completed: 2, lost: 0 },
      hits: { kills: 1 },
      secondDeliveries: [
        { job: 'job-1', n: 1, first: 'worker-1.0', second: 'worker-2.0', cause: 'worker-1 was killed' },
      ],
    })
  })
})

describe('the layout of lanes', () => {
  it('ends the life and the bars of a killed worker at its kill, and marks the second start', () => {
    const { lanes } = layOutLanes(timelineOf(script().history()))
    expect(lanes.map((lane) => [lane.proc, lane.lives[0]?.ending])).toEqual([
      ['worker-1', 'killed'],
      ['worker-2', 'open'],
    ])
    expect(lanes[0]?.bars).toMatchObject([{ job: 'job-1', fromMs: 20, toMs: 30, outcome: 'cut', again: false }])
    expect(lanes[1]?.bars.find((bar) => bar.job === 'job-1')).toMatchObject({ outcome: 'settled', again: true })
  })

  it('never puts two bars of one worker over each other', () => {
    const spans = fc.array(fc.record({ from: fc.nat(500), took: fc.integer({ min: 1, max: 100 }) }), { maxLength: 60 })
    fc.assert(
      fc.property(spans, (list) => {
        const made = new ScriptedHistory().worker(0, 'worker-1')
        for (const [n, { from, took }] of list.entries()) {
          made
            .enqueue(0, n)
            .start(1 + from, 'worker-1', n)
            .end(1 + from + took, 'worker-1', n, 1 + from)
        }
        const bars = layOutLanes(timelineOf(made.history())).lanes[0]?.bars ?? []
        for (const a of bars) {
          for (const b of bars)
            expect(a === b || a.row !== b.row || a.toMs <= b.fromMs || b.toMs <= a.fromMs).toBe(true)
        }
        expect(bars).toHaveLength(list.length)
      }),
      { numRuns: 40 },
    )
  })
})
