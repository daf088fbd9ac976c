import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planFromSeed } from './plan-from-seed.ts'

describe('planFromSeed', () => {
  it('makes the same plain data from the same seed, and other data from another', () => {
    const plan = planFromSeed(7)
    expect(planFromSeed(7)).toEqual(plan)
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
    expect(planFromSeed(8).faults).not.toEqual(plan.faults)
  })

  it('plans every fault once, within the run, in order, and asks for no more than it plans', () => {
    const sizes = fc.record({
      jobs: fc.integer({ min: 60, max: 5_000 }),
      kills: fc.integer({ min: 0, max: 12 }),
      freezes: fc.integer({ min: 0, max: 4 }),
      lapses: fc.integer({ min: 0, max: 12 }),
      stops: fc.integer({ min: 0, max: 4 }),
    })
    fc.assert(
      fc.property(fc.nat(), sizes, (seed, wanted) => {
        const { faults, goals } = planFromSeed(seed, wanted)
        const count = (kind: string) => faults.filter((fault) => fault.do === kind).length
        expect([count('kill'), count('freeze'), count('lapse'), count('stop')]).toEqual([
          wanted.kills,
          wanted.freezes,
          wanted.lapses,
          wanted.stops,
        ])
        const nths = faults.map((fault) => fault.at.nth)
        expect(nths).toEqual([...nths].sort((a, b) => a - b))
        expect(new Set(faults.map((fault) => fault.id)).size).toBe(faults.length)
        for (const nth of nths) expect(nth >= 1 && nth <= wanted.jobs).toBe(true)
        expect(goals.kills <= wanted.kills && goals.overlaps <= wanted.lapses && goals.freezes <= wanted.freezes).toBe(
          true,
        )
      }),
    )
  })

  it('meets the demands of the demo', () => {
    const { goals, sizes } = planFromSeed(1)
    expect(sizes.jobs).toBeGreaterThanOrEqual(500)
    expect(goals).toMatchObject({ kills: 10, overlaps: 10, freezes: 1, gracefulStops: 1 })
  })

  it('refuses what cannot be', () => {
    expect(() => planFromSeed(-1)).toThrow(/whole number/)
    expect(() => planFromSeed(1, { jobs: 10 })).toThrow(/28 faults need more than 10 jobs; ask for at least 37/)
  })
})
