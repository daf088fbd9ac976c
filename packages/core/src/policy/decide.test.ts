import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JobTimeout, Reject, RetryAfter, Snooze } from '../errors.ts'
import { delays, exponential, fixed, type RetryOptions, retryPolicy } from '../job/retry-policy.ts'
import { type Circumstances, decide, type Outcome } from './decide.ts'
import { EMPTY_NOTE, encodeNote } from './note.ts'

const NOW = 1_000_000
const given = (options: RetryOptions = {}, rest: Partial<Circumstances> = {}): Circumstances => ({
  note: EMPTY_NOTE,
  policy: retryPolicy({ backoff: fixed({ delayMs: 100, jitter: 'none' }), ...options }, { job: 'j' }),
  repeatable: false,
  enqueuedAt: NOW,
  now: NOW,
  random: () => 0.5,
  ...rest,
})
const failed = (error: unknown): Outcome => ({ kind: 'failed', error })

describe('decide', () => {
  it('retries a transient failure after the backoff and remembers it', () => {
    const decision = decide(failed(new Error('boom')), given())
    expect(decision).toMatchObject({ kind: 'retry', delayMs: 100 })
    expect(decision.kind === 'retry' && decision.note).toMatchObject({ attempts: 1, notBefore: NOW + 100 })
  })

  it('kills after maxAttempts handler runs, not before', () => {
    const at = (attempts: number) =>
      decide(failed(new Error('x')), given({ maxAttempts: 3 }, { note: { ...EMPTY_NOTE, attempts } }))
    expect([at(0).kind, at(1).kind, at(2).kind]).toEqual(['retry', 'retry', 'dead'])
    expect(at(2)).toMatchObject({ reason: 'attempts', note: { attempts: 3 } })
  })

  it('kills a permanent failure after one attempt', () => {
    expect(decide(failed(Object.assign(new Error('no'), { status: 404 })), given())).toMatchObject({
      kind: 'dead',
      reason: 'permanent',
    })
    expect(decide(failed(new Reject('never')), given())).toMatchObject({ kind: 'dead', reason: 'rejected' })
  })

  it('honours RetryAfter and the Retry-After header instead of the backoff', () => {
    expect(decide(failed(new RetryAfter(7_000)), given())).toMatchObject({ kind: 'retry', delayMs: 7_000 })
    const http = Object.assign(new Error('429'), {
      status: 429,
      response: { headers: new Headers({ 'retry-after': '3' }) },
    })
    expect(decide(failed(http), given())).toMatchObject({ kind: 'retry', delayMs: 3_000 })
  })

  it('snoozes without using an attempt', () => {
    expect(decide(failed(new Snooze(500)), given())).toMatchObject({
      kind: 'release',
      delayMs: 500,
      note: { attempts: 0, notBefore: NOW + 500 },
    })
  })

  it('gives up when the next attempt would come after giveUpAfterMs', () => {
    const late = given({ giveUpAfterMs: 1_000 }, { enqueuedAt: NOW - 901 })
    expect(decide(failed(new Error('x')), late)).toMatchObject({ kind: 'dead', reason: 'deadline' })
    const early = given({ giveUpAfterMs: 1_000 }, { enqueuedAt: NOW - 800 })
    expect(decide(failed(new Error('x')), early).kind).toBe('retry')
  })

  it('kills an ambiguous failure only where the job asked for it and cannot be repeated', () => {
    const timeout = failed(new JobTimeout('slow'))
    expect(decide(timeout, given()).kind).toBe('retry')
    expect(decide(timeout, given({ onAmbiguous: 'dead' }))).toMatchObject({ kind: 'dead', reason: 'ambiguous' })
    expect(decide(timeout, given({ onAmbiguous: 'dead' }, { repeatable: true })).kind).toBe('retry')
  })

  it('releases an interrupted job for free maxReleases times, then counts each as an attempt', () => {
    const at = (releases: number) =>
      decide({ kind: 'interrupted' }, given({ maxReleases: 2 }, { note: { ...EMPTY_NOTE, releases } }))
    expect([at(0).kind, at(1).kind, at(2).kind]).toEqual(['release', 'release', 'retry'])
    expect(at(2)).toMatchObject({ note: { attempts: 1, releases: 3 } })
  })

  it('puts an unknown job back with growing delays and kills it only after the bound', () => {
    const at = (putBacks: number) =>
      decide({ kind: 'unknown', error: new Error('?') }, given({}, { note: { ...EMPTY_NOTE, putBacks } }))
    expect(at(0)).toMatchObject({ kind: 'release', delayMs: 1_000, note: { attempts: 0, putBacks: 1 } })
    expect(at(19)).toMatchObject({ kind: 'release', delayMs: 60_000 })
    expect(at(20)).toMatchObject({ kind: 'dead', reason: 'unknown-job' })
  })

  it('survives whatever a handler throws', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const decision = decide(failed(thrown), given())
        expect(['retry', 'dead']).toContain(decision.kind)
        if (decision.kind === 'retry') expect(Buffer.byteLength(encodeNote(decision.note))).toBeLessThanOrEqual(4_096)
      }),
    )
  })

  it('survives an error whose fields throw when they are read', () => {
    const trap = new Error('x')
    Object.defineProperty(trap, 'message', {
      get: () => {
        throw new Error('trap')
      },
    })
    expect(decide(failed(trap), given())).toMatchObject({ kind: 'retry' })
  })

  it('never runs a job more often than maxAttempts, whatever the outcomes', () => {
    const outcome = fc.constantFrom<Outcome>(
      failed(new Error('x')),
      failed(new JobTimeout('t')),
      failed(new RetryAfter(5)),
      { kind: 'interrupted' },
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(outcome, { minLength: 20, maxLength: 40 }),
        (maxAttempts, outcomes) => {
          let note = EMPTY_NOTE
          for (const one of outcomes) {
            const decision = decide(one, given({ maxAttempts }, { note }))
            if (decision.kind === 'dead') {
              expect(decision.note.attempts).toBeLessThanOrEqual(maxAttempts)
              return
            }
            if (decision.kind !== 'complete') note = decision.note
          }
          throw new Error('a failing job must die')
        },
      ),
    )
  })
})

describe('backoff', () => {
  it('full jitter stays between 0 and the ceiling, and the ceiling between base and max', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempts, draw) => {
        const policy = { backoff: exponential({ baseMs: 100, maxMs: 1_000 }), maxAttempts: 100 }
        const decision = decide(
          failed(new Error('x')),
          given(policy, { random: () => draw, note: { ...EMPTY_NOTE, attempts } }),
        )
        const ceiling = Math.min(1_000, 100 * 2 ** attempts)
        expect(decision.kind === 'retry' && decision.delayMs).toBe(Math.round(draw * ceiling))
      }),
    )
  })

  it('an explicit list is used item by item and repeats its last', () => {
    const at = (attempts: number) => {
      const decision = decide(
        failed(new Error('x')),
        given({ backoff: delays([5, 50]), maxAttempts: 9 }, { note: { ...EMPTY_NOTE, attempts } }),
      )
      return decision.kind === 'retry' ? decision.delayMs : null
    }
    expect([at(0), at(1), at(2), at(3)]).toEqual([5, 50, 50, 50])
  })
})

describe('decide, against what nobody expects', () => {
  it('bounds the runs of a job under every sequence of outcomes but snoozes', () => {
    const outcome: fc.Arbitrary<Outcome> = fc.oneof(
      fc.constantFrom<Outcome>(
        { kind: 'interrupted' },
        failed(new Error('transient')),
        failed(new JobTimeout('late')),
        failed(new RetryAfter(5)),
        failed(undefined),
        { kind: 'unknown', error: new Error('new') },
      ),
    )
    const limits = fc.record({
      maxAttempts: fc.integer({ min: 1, max: 6 }),
      maxReleases: fc.integer({ min: 0, max: 4 }),
      onAmbiguous: fc.constantFrom('retry' as const, 'dead' as const),
    })
    fc.assert(
      fc.property(limits, fc.infiniteStream(outcome), (options, outcomes) => {
        const runsAtMost = options.maxAttempts + options.maxReleases
        let note = EMPTY_NOTE
        let runs = 0
        for (const next of outcomes) {
          if (next.kind !== 'unknown') runs += 1
          const decision = decide(next, given(options, { note, repeatable: false }))
          if (decision.kind === 'dead' || decision.kind === 'complete') break
          note = JSON.parse(encodeNote(decision.note)) as typeof note
          expect(note.notBefore).toBeLessThanOrEqual(NOW + 300_000)
        }
        expect(runs).toBeLessThanOrEqual(runsAtMost)
      }),
    )
  })

  it('never delays by anything but a whole number of ms >= 0', () => {
    const backoff = fc.oneof(
      fc.record({ delayMs: fc.double({ min: 0, max: 1e12, noNaN: true }) }).map((o) => fixed(o)),
      fc.integer({ min: 0, max: 1_000 }).map((baseMs) => exponential({ baseMs, maxMs: 1e9, factor: 100 })),
      fc.array(fc.double({ min: 0, max: 1e12, noNaN: true }), { minLength: 1 }).map((list) => delays(list)),
    )
    const thrown = fc.oneof(
      fc.anything(),
      fc.record({ retryAfterMs: fc.double(), headers: fc.dictionary(fc.constant('retry-after'), fc.string()) }),
    )
    fc.assert(
      fc.property(backoff, thrown, fc.nat(1_000), (own, error, attempts) => {
        const decision = decide(
          failed(error),
          given({ backoff: own, maxAttempts: 10_000 }, { note: { ...EMPTY_NOTE, attempts } }),
        )
        if (decision.kind === 'retry') expect(Number.isInteger(decision.delayMs) && decision.delayMs >= 0).toBe(true)
      }),
    )
  })

  it('takes what happened perhaps for ambiguous when a worker died or stopped with it, where that is asked for', () => {
    const strict = given({ onAmbiguous: 'dead' })
    expect(decide({ kind: 'interrupted' }, strict)).toMatchObject({ kind: 'dead', reason: 'ambiguous' })
    expect(decide({ kind: 'lapsed', lapses: 1 }, strict)).toMatchObject({ kind: 'dead', reason: 'ambiguous' })
    expect(decide({ kind: 'interrupted' }, { ...strict, repeatable: true })).toMatchObject({ kind: 'release' })
  })

  it('lets the default decide when a classifier answers nonsense', () => {
    const odd = given({ classify: () => 'perhaps' as never })
    expect(decide(failed(new Error('x')), odd)).toMatchObject({ kind: 'retry', failure: { class: 'transient' } })
  })
})
