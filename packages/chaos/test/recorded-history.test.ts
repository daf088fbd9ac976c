import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runChaos } from '@switchyard/chaos'
import { type EventOf, fatesOf, type HistoryEvent, historyOf, judge, timelineOf } from '@switchyard/conformance/history'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** One real run; each test edits its history in one place. An edit flips the oracle that it concerns, and no other. */
let events: readonly HistoryEvent[] = []
const dir = mkdtempSync(join(tmpdir(), 'switchyard-recorded-'))
beforeAll(async () => {
  const app = fileURLToPath(new URL('./charge-app.ts', import.meta.url))
  const sizes = { jobs: 120, leaseMs: 1_000, kills: 3, freezes: 1, lapses: 2, stops: 1 }
  const run = await runChaos({ app, broker: `sqlite:${join(dir, 'jobs.db')}`, seed: 5, dir, variant: 'careful', sizes })
  expect(run.judgement.verdict).toBe('pass')
  events = run.history.events
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

type Edit = (event: HistoryEvent) => HistoryEvent | readonly HistoryEvent[] | null

function verdicts(edit: Edit): Record<string, string> {
  const edited = events.flatMap((event) => edit(event) ?? [])
  const { findings } = judge(historyOf(edited))
  return Object.fromEntries(
    findings.filter(({ verdict }) => verdict !== 'pass').map(({ checker, verdict }) => [checker, verdict]),
  )
}

function first<Kind extends HistoryEvent['kind']>(
  kind: Kind,
  suits: (event: EventOf<Kind>) => boolean = () => true,
): EventOf<Kind> {
  const found = events.find((event) => event.kind === kind && suits(event as EventOf<Kind>))
  expect(found, `the run has no such ${kind}`).toBeDefined()
  return found as EventOf<Kind>
}

/** A job that ran once, in a worker that was never told to stop, and is completed. */
function plainJob(): string {
  const timeline = timelineOf(historyOf(events))
  const fates = fatesOf(timeline)
  const plain = [...timeline.jobs.values()].find(({ job, executions }) => {
    const { proc, epoch } = executions[0]?.start ?? { proc: '', epoch: 0 }
    const stopped = timeline.workers.get(`${proc}.${epoch}`)?.stopping !== null
    return executions.length === 1 && fates.get(job)?.fate === 'completed' && !stopped
  })
  return plain?.job ?? expect.fail('every job ran twice or in a stopped worker')
}

describe('a recorded history', () => {
  it('passes as it is', () => expect(verdicts((event) => event)).toEqual({}))

  it('loses a job: its end and its settlement are gone', () => {
    const job = plainJob()
    const gone = ['handler.end', 'settle.invoke', 'settle.result']
    expect(
      verdicts((event) => (gone.includes(event.kind) && 'job' in event && event.job === job ? null : event)),
    ).toEqual({
      'no-loss': 'fail',
    })
  })

  it('settles before the handler returned: only its end is gone', () => {
    const job = plainJob()
    expect(verdicts((event) => (event.kind === 'handler.end' && event.job === job ? null : event))).toEqual({
      'no-loss': 'fail',
    })
  })

  it('runs a job that was never enqueued', () => {
    const n = first('enqueue.invoke').n
    expect(
      verdicts((event) => (event.kind.startsWith('enqueue.') && 'n' in event && event.n === n ? null : event)),
    ).toMatchObject({
      'no-phantom': 'fail',
    })
  })

  it('changes a payload on its way', () => {
    const start = first('handler.start')
    expect(verdicts((event) => (event === start ? { ...start, digest: 'other' } : event))).toEqual({
      'no-phantom': 'fail',
    })
  })

  it('applies an effect twice', () => {
    const effect = first('effect')
    const last = events.filter((event) => event.proc === effect.proc && event.epoch === effect.epoch).at(-1)
    const again = { ...effect, seq: (last?.seq ?? 0) + 1, atMs: (last?.atMs ?? 0) + 1 }
    expect(verdicts((event) => (event === effect ? [event, again] : event))).toEqual({ 'effects-once': 'fail' })
  })

  it('completes a job without its effect', () => {
    const job = plainJob()
    expect(verdicts((event) => (event.kind === 'effect' && event.job === job ? null : event))).toEqual({
      'effects-once': 'fail',
    })
  })

  it('gives a job an attempt too many', () => {
    const job = plainJob()
    expect(
      verdicts((event) => (event.kind === 'handler.start' && event.job === job ? { ...event, attempt: 9 } : event)),
    ).toEqual({
      'attempts-bounded': 'fail',
    })
  })

  it('delivers again without a cause: the kill was never recorded', () => {
    const hit = first('fault.hit', ({ type, jobs }) => type === 'kill' && jobs.length > 1)
    const about = (event: HistoryEvent): boolean =>
      (event.kind === 'fault.inject' || event.kind === 'fault.hit' || event.kind === 'worker.exit') &&
      event.worker === hit.worker &&
      event.workerEpoch === hit.workerEpoch
    // Lapses told by the broker would still explain it: take that word away too.
    const blind = (event: HistoryEvent): HistoryEvent =>
      event.kind === 'handler.start' ? { ...event, lapses: 0 } : event
    expect(verdicts((event) => (about(event) ? null : blind(event)))).toMatchObject({ 'redelivery-explained': 'fail' })
  })

  it('delivers a settled job again', () => {
    const job = plainJob()
    const start = first('handler.start', (event) => event.job === job)
    const { proc, epoch } = start
    const end = events.filter((event) => event.proc === proc && event.epoch === epoch).at(-1) ?? start
    const again = { ...start, execution: 'again', seq: end.seq + 1, atMs: end.atMs + 1 }
    expect(verdicts((event) => (event === start ? [start, again] : event))).toEqual({ 'redelivery-explained': 'fail' })
  })

  it('stops and never returns', () => {
    const stop = first('worker.stop')
    expect(verdicts((event) => (event === stop ? null : event))).toMatchObject({ 'graceful-stop': 'fail' })
  })

  it('is not touched by an enqueue that becomes unknown, or by a lost reply to a settlement that worked', () => {
    const ok = first('enqueue.ok')
    const { atMs, wallMs, proc, epoch, seq, n, job } = ok
    const unknown: HistoryEvent = { atMs, wallMs, proc, epoch, seq, n, job, kind: 'enqueue.unknown', error: 'no reply' }
    expect(verdicts((event) => (event === ok ? unknown : event))).toEqual({})
    const job2 = plainJob()
    const settled = first('settle.result', (event) => event.job === job2)
    expect(verdicts((event) => (event === settled ? { ...settled, result: 'unknown' } : event))).toEqual({})
  })

  it('proves nothing when its kills hit nobody', () => {
    const miss: Edit = (event) => (event.kind === 'fault.hit' && event.type === 'kill' ? { ...event, jobs: [] } : event)
    expect(verdicts(miss)).toEqual({ sufficiency: 'inconclusive' })
  })
})
