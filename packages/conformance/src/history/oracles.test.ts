import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Finding } from './finding.ts'
import { judge } from './judge.ts'
import { attemptsBounded } from './oracle-attempts-bounded.ts'
import { effectsOnce } from './oracle-effects-once.ts'
import { gracefulStop } from './oracle-graceful-stop.ts'
import { noLoss } from './oracle-no-loss.ts'
import { noPhantom } from './oracle-no-phantom.ts'
import { redeliveriesOf, redeliveryExplained } from './oracle-redelivery-explained.ts'
import { countHits, sufficiency } from './oracle-sufficiency.ts'
import { ScriptedHistory } from './scripted-history.ts'
import { type Timeline, timelineOf } from './timeline.ts'

const script = (run = {}) => new ScriptedHistory(run).worker(1, 'worker-1').worker(1, 'worker-2')
const on = (made: ScriptedHistory, oracle: (timeline: Timeline) => Finding): Finding =>
  oracle(timelineOf(made.history()))
const whats = (finding: Finding): string[] => finding.violations.map(({ job, what }) => `${job}: ${what}`)

describe('no-loss', () => {
  it('passes completed, dead and waiting jobs', () => {
    const made = script().enqueue(10, 1).enqueue(12, 2).enqueue(14, 3).done(20, 'worker-1', 1).census(90, [2], [3])
    expect(on(made, noLoss)).toMatchObject({ verdict: 'pass', judged: 3, of: 3, violations: [] })
  })

  it('finds an accepted job that is nowhere', () => {
    const finding = on(script().enqueue(10, 1).enqueue(12, 2).done(20, 'worker-1', 2).census(90), noLoss)
    expect(finding.verdict).toBe('fail')
    expect(whats(finding)).toEqual(['job-1: accepted, never delivered, and in no queue at the end'])
  })

  it('finds a job that was settled before its handler returned and died with its worker', () => {
    const made = script().enqueue(10, 1).start(20, 'worker-1', 1).settle(21, 'worker-1', 1, 20, 'complete')
    const finding = on(made.fault(25, 'kill', 'worker-1', [1]).census(90), noLoss)
    expect(whats(finding)).toEqual(['job-1: settled as complete although no handler of it had returned'])
  })

  it.each(['unknown', 'none'] as const)('accepts that an enqueue with result %s left nothing', (result) => {
    const made = script().enqueue(10, 1).done(20, 'worker-1', 1).enqueue(30, 2, result).census(90)
    expect(on(made, noLoss)).toMatchObject({ verdict: 'pass', judged: 1, of: 1 })
  })

  it.each(['unknown', 'none'] as const)('holds a job that was seen although its enqueue ended %s', (result) => {
    const made = script().enqueue(10, 1, result).start(20, 'worker-1', 1).fault(25, 'kill', 'worker-1', [1]).census(90)
    expect(on(made, noLoss)).toMatchObject({ verdict: 'fail', of: 1 })
  })

  it('accepts a settlement whose reply died with the worker', () => {
    const made = script().enqueue(10, 1).start(20, 'worker-1', 1).end(22, 'worker-1', 1, 20)
    const killed = made.settle(23, 'worker-1', 1, 20, 'complete', 'none').fault(24, 'kill', 'worker-1', [1])
    expect(on(killed.census(90), noLoss).verdict).toBe('pass')
  })

  it('says that it saw too little where the queue cannot be read', () => {
    const made = script().enqueue(10, 1).enqueue(12, 2).done(20, 'worker-1', 1).census(90, null)
    expect(on(made, noLoss)).toMatchObject({ verdict: 'inconclusive', judged: 1, of: 2, violations: [] })
  })
})

describe('no-phantom', () => {
  it('passes jobs that ran as they were enqueued, whatever became of the reply', () => {
    const made = script().enqueue(10, 1).enqueue(12, 2, 'unknown').done(20, 'worker-1', 1).done(20, 'worker-2', 2)
    expect(on(made, noPhantom)).toMatchObject({ verdict: 'pass', judged: 2, of: 2 })
  })

  it('finds a job that nobody had enqueued', () => {
    expect(whats(on(script().enqueue(10, 1).done(20, 'worker-1', 7), noPhantom))).toEqual([
      'job-7: ran, but nobody had enqueued it',
    ])
  })

  it('finds a job that ran although its enqueue had definitely failed', () => {
    expect(whats(on(script().enqueue(10, 1, 'fail').done(20, 'worker-1', 1), noPhantom))).toEqual([
      'job-1: ran, although its enqueue had definitely failed',
    ])
  })

  it('finds a changed payload, a changed name and a wrong number', () => {
    const made = script().enqueue(10, 1).enqueue(12, 2)
    const shared = { kind: 'handler.start', queue: 'q', attempt: 1, lapses: 0 } as const
    made.at(20, 'worker-1', { ...shared, execution: 'x', n: 1, job: 'job-1', name: 'refund', digest: 'other' })
    made.at(21, 'worker-1', { ...shared, execution: 'y', n: 1, job: 'job-2', name: 'charge', digest: 'd2' })
    expect(whats(on(made, noPhantom))).toEqual([
      'job-1: enqueued as charge, ran as refund',
      'job-1: its payload arrived changed',
      'job-2: carries number 1, was enqueued as 2',
    ])
  })
})

describe('effects-once', () => {
  it('passes one effect for each completed job, and repeats that the sink recognised', () => {
    const made = script().enqueue(10, 1).done(20, 'worker-1', 1).effect(30, 1, false).census(90)
    const finding = on(made, effectsOnce)
    expect(finding).toMatchObject({ verdict: 'pass', judged: 1, of: 1 })
    expect(finding.notes).toContain('1 repeated requests were recognised by their sinks and changed nothing')
  })

  it('finds a double effect and names handler, key and cause', () => {
    const made = script().enqueue(10, 1).start(20, 'worker-1', 1).effect(22, 1).fault(23, 'kill', 'worker-1', [1])
    made.done(1_200, 'worker-2', 1).census(9_000)
    expect(whats(on(made, effectsOnce))).toEqual([
      'job-1: handler charge: effect e:1 was applied 2 times at ledger, in 2 runs of the job; delivered again because: worker-1 was killed',
    ])
  })

  it('finds a completed job whose effect never happened', () => {
    const made = script().enqueue(10, 1).enqueue(11, 2).done(20, 'worker-1', 2)
    made.start(20, 'worker-1', 1).end(22, 'worker-1', 1, 20).settle(23, 'worker-1', 1, 20, 'complete').census(90)
    expect(whats(on(made, effectsOnce))).toEqual(['job-1: completed, but its effect e:1 never reached ledger'])
  })

  it('does not ask for the effect of a job that is dead or waiting', () => {
    const made = script().enqueue(10, 1).enqueue(11, 2).enqueue(12, 3).done(20, 'worker-1', 1).census(90, [2], [3])
    expect(on(made, effectsOnce)).toMatchObject({ verdict: 'pass', judged: 3, of: 3 })
  })

  it('is inconclusive when no sink saw anything', () => {
    expect(on(script().enqueue(10, 1).census(90, [1]), effectsOnce).verdict).toBe('inconclusive')
  })
})

describe('attempts-bounded', () => {
  const tried = (attempts: readonly number[]) => {
    const made = script().enqueue(10, 1)
    for (const [index, attempt] of attempts.entries()) {
      const atMs = 100 * (index + 1)
      made.start(atMs, 'worker-1', 1, { attempt }).end(atMs + 1, 'worker-1', 1, atMs, 'threw')
      made.settle(atMs + 2, 'worker-1', 1, atMs, 'retry')
    }
    return made
  }

  it('passes a job that used all its attempts', () => {
    expect(on(tried([1, 2, 3]), attemptsBounded).verdict).toBe('pass')
  })

  it('finds an attempt too many, told or not', () => {
    expect(whats(on(tried([1, 2, 3, 4]), attemptsBounded))).toEqual([
      'job-1: was told attempt 4 of at most 3',
      'job-1: was handled 4 times to an end that the broker confirmed; at most 3 are allowed',
    ])
    expect(whats(on(tried([1, 1, 1, 1]), attemptsBounded))).toEqual([
      'job-1: was handled 4 times to an end that the broker confirmed; at most 3 are allowed',
    ])
  })

  it('finds an attempt that a kill used up', () => {
    const made = script().enqueue(10, 1).start(20, 'worker-1', 1).fault(25, 'kill', 'worker-1', [1])
    made.start(1_200, 'worker-2', 1, { attempt: 2, lapses: 1 })
    expect(whats(on(made, attemptsBounded))).toEqual(['job-1: jumped to attempt 2 after 0 handled failures'])
  })

  it('does not count lapses as attempts, but bounds them', () => {
    const made = script({ maxLapses: 5 }).enqueue(10, 1)
    for (let lapses = 0; lapses <= 5; lapses += 1) made.start(20 + lapses * 1_100, `worker-1#${lapses}`, 1, { lapses })
    expect(on(made, attemptsBounded).verdict).toBe('pass')
    made.start(20 + 6 * 1_100, 'worker-1#6', 1, { lapses: 6 })
    expect(on(made, attemptsBounded).violations).toHaveLength(1)
  })
})

describe('redelivery-explained', () => {
  const first = () => script().enqueue(10, 1).start(20, 'worker-1', 1)

  it('accepts a kill, whether the lease ended with it or not', () => {
    const made = first().fault(25, 'kill', 'worker-1', [1]).done(30, 'worker-2', 1)
    expect(on(made, redeliveryExplained)).toMatchObject({ verdict: 'pass', judged: 1, of: 1 })
  })

  it('accepts a freeze beyond the lease and counts the overlap', () => {
    const made = first().fault(25, 'freeze', 'worker-1', [1]).done(1_030, 'worker-2', 1)
    made.fault(1_500, 'thaw', 'worker-1').end(1_501, 'worker-1', 1, 20)
    made.settle(1_502, 'worker-1', 1, 20, 'complete', 'lost')
    expect(on(made, redeliveryExplained).verdict).toBe('pass')
    expect(redeliveriesOf(timelineOf(made.history()))).toMatchObject([
      { overlap: true, cause: 'worker-1 was frozen beyond its lease' },
    ])
  })

  it('puts a worker that was frozen between its lease and its start where it was granted', () => {
    const made = script()
      .enqueue(10, 1)
      .at(19, 'worker-1', { kind: 'mark', name: 'leased' })
      .fault(20, 'freeze', 'worker-1', [1])
    made
      .start(1_100, 'worker-2', 1)
      .end(1_110, 'worker-2', 1, 1_100, 'threw')
      .settle(1_111, 'worker-2', 1, 1_100, 'retry')
    made.fault(1_105, 'thaw', 'worker-1').start(1_106, 'worker-1', 1, { ageMs: 1_087 })
    made.done(1_200, 'worker-3', 1)
    const finding = on(made, redeliveryExplained)
    expect(finding).toMatchObject({ verdict: 'pass', of: 2, violations: [] })
    expect(redeliveriesOf(timelineOf(made.history())).map(({ cause }) => cause)).toEqual([
      'worker-1 was frozen beyond its lease',
      'its handler failed and it was retried',
    ])
  })

  it('rejects a freeze as a cause while the lease could not have ended', () => {
    const made = first().fault(25, 'freeze', 'worker-1', [1]).done(500, 'worker-2', 1)
    expect(whats(on(made, redeliveryExplained))).toEqual(['job-1: started again, and nothing explains it'])
  })

  it('rejects it as well after a renewal, and counts the renewal from its call', () => {
    const renewed = (tookMs: number) =>
      first()
        .at(800, 'worker-1', { kind: 'extend', lease: 'worker-1@1@20', job: 'job-1', result: 'settled', tookMs })
        .fault(810, 'freeze', 'worker-1', [1])
        .done(1_200, 'worker-2', 1)
    expect(on(renewed(5), redeliveryExplained).verdict).toBe('fail')
    expect(on(renewed(700), redeliveryExplained).verdict).toBe('pass')
  })

  it('accepts a retry and a release that the broker confirmed, and a settlement whose reply was lost', () => {
    const again = (settle: 'retry' | 'release' | 'complete', result: 'settled' | 'lost' | 'unknown') =>
      on(
        first()
          .end(22, 'worker-1', 1, 20, 'threw')
          .settle(23, 'worker-1', 1, 20, settle, result)
          .done(40, 'worker-2', 1),
        redeliveryExplained,
      )
    expect(again('retry', 'settled').verdict).toBe('pass')
    expect(again('release', 'settled').verdict).toBe('pass')
    expect(again('complete', 'unknown').verdict).toBe('pass')
    expect(again('retry', 'lost').verdict).toBe('fail')
  })

  it('rejects a second start after the job was settled, even where a kill would explain it', () => {
    const made = script()
      .enqueue(10, 1)
      .done(20, 'worker-1', 1)
      .fault(30, 'kill', 'worker-1')
      .done(2_000, 'worker-2', 1)
    expect(whats(on(made, redeliveryExplained))).toEqual([
      'job-1: delivered again after worker-1 had settled it (complete)',
    ])
  })

  it('accepts the copy that a composed retry left when its process died in between', () => {
    const made = new ScriptedHistory({ composed: true, lease: 'connection' }).worker(1, 'worker-1').enqueue(10, 1)
    made.start(20, 'worker-1', 1).end(22, 'worker-1', 1, 20, 'threw').settle(23, 'worker-1', 1, 20, 'retry', 'none')
    made.fault(24, 'kill', 'worker-1', [1]).done(40, 'worker-2', 1).start(60, 'worker-2', 1, { message: 'copy' })
    expect(on(made, redeliveryExplained)).toMatchObject({ verdict: 'pass', of: 2 })
    expect(on(made.start(80, 'worker-2', 1, { message: 'copy' }), redeliveryExplained).violations).toHaveLength(1)
  })

  it('accepts the copy of a hand-back that nobody saw, one for each kill before it, and only where copies are made', () => {
    const copied = (composed: boolean) =>
      script({ composed, lease: 'connection' }).enqueue(10, 1).outage(12, 15).done(20, 'worker-1', 1)
    const twice = copied(true).start(40, 'worker-2', 1, { message: 'copy' })
    expect(redeliveriesOf(timelineOf(twice.history()))).toMatchObject([
      { cause: 'a hand-back of it broke off and left a copy', illegal: null },
    ])
    expect(on(twice.start(60, 'worker-2', 1, { message: 'other copy' }), redeliveryExplained).violations).toHaveLength(
      1,
    )
    const atomic = copied(false).start(40, 'worker-2', 1, { message: 'copy' })
    expect(on(atomic, redeliveryExplained).verdict).toBe('fail')
  })

  it('accepts a repeated enqueue only where the broker forgets ids', () => {
    const twice = (dedupe: boolean) => {
      const made = script({ dedupe }).enqueue(10, 1, 'unknown').enqueue(12, 1).done(20, 'worker-1', 1)
      return on(made.done(40, 'worker-2', 1), redeliveryExplained).verdict
    }
    expect(twice(false)).toBe('pass')
    expect(twice(true)).toBe('fail')
  })

  it('takes the end of the broker as a cause: it ends every lease of a connection, and lets the others lapse', () => {
    const started = (lease: 'connection' | 'timed', atMs: number) =>
      script({ lease }).enqueue(10, 1).start(atMs, 'worker-1', 1)
    for (const lease of ['connection', 'timed'] as const) {
      const again = started(lease, 20).outage(30, 600, [1]).done(700, 'worker-2', 1)
      expect(redeliveriesOf(timelineOf(again.history()))).toMatchObject([
        { overlap: true, cause: 'the broker was killed', illegal: null },
      ])
      // What was on its way when the broker was killed still arrives, and is lost with it.
      const late = script({ lease }).enqueue(10, 1).outage(30, 600, [1]).start(40, 'worker-1', 1)
      expect(on(late.done(700, 'worker-2', 1), redeliveryExplained).verdict).toBe('pass')
    }
    const before = script({ lease: 'connection' }).enqueue(10, 1).outage(12, 18).start(20, 'worker-1', 1)
    expect(whats(on(before.done(700, 'worker-2', 1), redeliveryExplained))).toEqual([
      'job-1: started again, and nothing explains it',
    ])
  })

  it('does not take it as an excuse for a job that was settled before', () => {
    const made = script().enqueue(10, 1).done(20, 'worker-1', 1).outage(30, 600).done(2_000, 'worker-2', 1)
    expect(whats(on(made, redeliveryExplained))).toEqual([
      'job-1: delivered again after worker-1 had settled it (complete)',
    ])
  })

  it('gives no licence for an enqueue that failed for certain', () => {
    const twice = (first: 'fail' | 'unknown') => {
      const made = script({ dedupe: false }).enqueue(10, 1, first).enqueue(12, 1).done(20, 'worker-1', 1)
      return on(made.done(40, 'worker-2', 1), redeliveryExplained).verdict
    }
    expect(twice('unknown')).toBe('pass')
    expect(twice('fail')).toBe('fail')
  })

  it('is inconclusive when nothing was delivered twice', () => {
    expect(on(script().enqueue(10, 1).done(20, 'worker-1', 1), redeliveryExplained).verdict).toBe('inconclusive')
  })
})

describe('graceful-stop', () => {
  const stopping = () =>
    script().enqueue(10, 1).start(20, 'worker-1', 1).at(30, 'worker-1', { kind: 'worker.stopping' })

  it('passes when every handler ended or was handed back', () => {
    const made = stopping().end(40, 'worker-1', 1, 20).settle(41, 'worker-1', 1, 20, 'complete')
    expect(on(made.at(50, 'worker-1', { kind: 'worker.stop', open: 0 }), gracefulStop).verdict).toBe('pass')
    const given = stopping()
      .settle(41, 'worker-1', 1, 20, 'release')
      .at(50, 'worker-1', { kind: 'worker.stop', open: 1 })
    expect(on(given, gracefulStop).verdict).toBe('pass')
  })

  it('finds an abandoned handler, an unsettled job, a late start, a late return and none', () => {
    const stop = { kind: 'worker.stop', open: 0 } as const
    expect(whats(on(stopping().at(50, 'worker-1', stop), gracefulStop))).toEqual([
      'job-1: worker-1.0 stopped while its handler was running, and did not hand it back',
    ])
    expect(whats(on(stopping().end(40, 'worker-1', 1, 20).at(50, 'worker-1', stop), gracefulStop))).toEqual([
      'job-1: worker-1.0 stopped without settling it',
    ])
    expect(
      whats(
        on(
          stopping()
            .done(35, 'worker-1', 2)
            .end(40, 'worker-1', 1, 20)
            .settle(41, 'worker-1', 1, 20, 'complete')
            .at(50, 'worker-1', stop),
          gracefulStop,
        ),
      ),
    ).toEqual(['job-2: worker-1.0 started it after it was told to stop'])
    expect(
      whats(
        on(
          stopping().end(40, 'worker-1', 1, 20).settle(41, 'worker-1', 1, 20, 'complete').at(9_000, 'worker-1', stop),
          gracefulStop,
        ),
      ),
    ).toEqual(['worker-1.0: took 8970 ms to stop; 1000 ms were allowed'])
    expect(whats(on(stopping(), gracefulStop))).toEqual(['worker-1.0: was told to stop and never returned'])
  })

  it('does not judge a worker that had no broker to give back to while stopping', () => {
    expect(on(stopping().outage(40, 600), gracefulStop)).toMatchObject({ judged: 0, of: 1, violations: [] })
    expect(on(stopping().outage(15, 25), gracefulStop)).toMatchObject({ judged: 1, verdict: 'fail' })
  })

  it('does not judge a worker that was killed while stopping, and is inconclusive when none was stopped', () => {
    expect(on(stopping().fault(40, 'kill', 'worker-1', [1]), gracefulStop)).toMatchObject({
      verdict: 'inconclusive',
      judged: 0,
      of: 1,
    })
    expect(on(script(), gracefulStop)).toMatchObject({ verdict: 'inconclusive', of: 0 })
  })
})

describe('sufficiency', () => {
  const goals = { kills: 1, freezes: 0, overlaps: 0, gracefulStops: 0, brokerKills: 0 }

  it('counts only what hit a job', () => {
    const made = script({ goals }).enqueue(10, 1).start(20, 'worker-1', 1)
    expect(on(made.fault(30, 'kill', 'worker-2', []), sufficiency).verdict).toBe('inconclusive')
    made.fault(40, 'kill', 'worker-1', [1])
    expect(countHits(timelineOf(made.history())).kills).toBe(1)
    expect(on(made, sufficiency).verdict).toBe('pass')
  })

  it('counts an outage only with jobs in hand and a broker that came back', () => {
    const wanted = { ...goals, kills: 0, brokerKills: 1 }
    const busy = () => script({ goals: wanted }).enqueue(10, 1).start(20, 'worker-1', 1)
    expect(on(busy().outage(30, 600, []), sufficiency).verdict).toBe('inconclusive')
    expect(on(busy().outage(30, 600, [1]), sufficiency).verdict).toBe('pass')
    const down = busy().outage(30, 600, [1])
    down.events.pop()
    expect(on(down, sufficiency).verdict).toBe('inconclusive')
  })

  it('distrusts a run in which a worker died by itself', () => {
    const made = script({ goals }).enqueue(10, 1).start(20, 'worker-1', 1).fault(40, 'kill', 'worker-1', [1])
    made.at(50, 'harness', {
      kind: 'worker.exit',
      worker: 'worker-2',
      workerEpoch: 0,
      code: 1,
      signal: null,
      expected: false,
    })
    expect(on(made, sufficiency).verdict).toBe('inconclusive')
  })
})

describe('judge', () => {
  it('never passes a run in which nothing bad happened', () => {
    expect(judge(script().enqueue(10, 1).done(20, 'worker-1', 1).census(90).history()).verdict).toBe('inconclusive')
  })

  it('passes any mix of kills, freezes, retries and lost replies that keeps the rules, and fails each edit of it', () => {
    const fates = fc.array(fc.constantFrom('done', 'killed', 'frozen', 'retried', 'unknown', 'absent', 'dead'), {
      minLength: 1,
      maxLength: 12,
    })
    fc.assert(
      fc.property(fates, (list) => {
        const made = legal(list)
        const { findings } = judge(made.history())
        for (const finding of findings) expect([finding.checker, whats(finding)]).toEqual([finding.checker, []])
        // Forgetting the last census line of the dead queue, or one effect too many, must be found by its oracle alone.
        const twice = legal(list).effect(80_000, 0)
        expect(failing(twice)).toEqual(['effects-once'])
        const phantom = legal(list).done(80_000, 'worker-2', 999)
        expect(failing(phantom)).toEqual(['no-phantom'])
        const lost = legal(list).enqueue(80_000, 998)
        expect(failing(lost)).toEqual(['no-loss'])
        const again = legal(list).start(80_000, 'worker-2', 0).end(80_001, 'worker-2', 0, 80_000)
        expect(failing(again)).toEqual(['redelivery-explained'])
      }),
      { numRuns: 60 },
    )
  })
})

function failing(made: ScriptedHistory): string[] {
  return judge(made.history())
    .findings.filter(({ verdict }) => verdict === 'fail')
    .map(({ checker }) => checker)
}

/** Job 0 goes well; every further one has the given fate. */
function legal(fates: readonly string[]): ScriptedHistory {
  const made = script().enqueue(10, 0).done(20, 'worker-1', 0)
  const dead: number[] = []
  for (const [index, fate] of fates.entries()) {
    const n = index + 1
    const from = 100 + index * 5_000
    const who = `worker-3#${n}`
    made.worker(from, who)
    if (fate === 'absent') made.enqueue(from, n, 'unknown')
    else made.enqueue(from, n, fate === 'unknown' ? 'none' : 'ok')
    if (fate === 'done' || fate === 'unknown') made.done(from + 10, who, n)
    if (fate === 'killed')
      made
        .start(from + 10, who, n)
        .fault(from + 20, 'kill', who, [n])
        .done(from + 1_100, 'worker-2', n)
    if (fate === 'frozen') {
      made
        .start(from + 10, who, n)
        .fault(from + 20, 'freeze', who, [n])
        .done(from + 1_100, 'worker-2', n)
      made
        .fault(from + 2_000, 'thaw', who)
        .effect(from + 2_001, n, false)
        .end(from + 2_002, who, n, from + 10)
      made.settle(from + 2_003, who, n, from + 10, 'complete', 'lost')
    }
    if (fate === 'retried') {
      made
        .start(from + 10, who, n)
        .end(from + 11, who, n, from + 10, 'threw')
        .settle(from + 12, who, n, from + 10, 'retry')
      made
        .start(from + 50, 'worker-2', n, { attempt: 2 })
        .effect(from + 51, n)
        .end(from + 52, 'worker-2', n, from + 50)
      made.settle(from + 53, 'worker-2', n, from + 50, 'complete')
    }
    if (fate === 'dead') {
      made
        .start(from + 10, who, n)
        .end(from + 11, who, n, from + 10, 'threw')
        .settle(from + 12, who, n, from + 10, 'move')
      dead.push(n)
    }
  }
  return made.census(90_000, [], dead)
}
