import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChaosError } from '../run/chaos-error.ts'
import { decodePlan } from './decode-plan.ts'
import type { Plan } from './plan.ts'
import { planFromSeed } from './plan-from-seed.ts'

const stored = (): Record<string, unknown> => JSON.parse(JSON.stringify(planFromSeed(1)))

describe('decodePlan', () => {
  it('reads every plan that a seed can make, as it was stored', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const plan: Plan = planFromSeed(seed)
        expect(decodePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan)
      }),
    )
  })

  it.each([
    ['plan.v must be 1, not 2', { v: 2 }],
    ['plan.faults must be a list, not missing', { faults: undefined }],
    ['plan.extra is not known', { extra: 1 }],
    ['plan.sizes.jobs must be a whole number >= 0, not missing', { sizes: {} }],
    ['plan.sizes.workers must be at least 1', { sizes: { ...planFromSeed(1).sizes, workers: 0 } }],
    [
      'plan.faults[0].do must be one of kill, freeze, lapse, stop, broker-kill, not "rm"',
      { faults: [{ id: 'a', do: 'rm', at: {} }] },
    ],
    [
      'plan.faults[0].at.point of a lapse must be start or handled',
      { faults: [{ id: 'a', do: 'lapse', at: { point: 'effect', nth: 1 } }] },
    ],
    [
      'plan.faults[1].id is used twice',
      { faults: [1, 2].map((nth) => ({ id: 'a', do: 'kill', at: { point: 'start', nth } })) },
    ],
  ])('refuses: %s', (message, edit) => {
    expect(() => decodePlan({ ...stored(), ...edit })).toThrow(message)
  })

  it('fails only with ChaosError, whatever JSON it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => decodePlan(value)).toThrow(ChaosError)
      }),
    )
  })
})
