import { describe, expect, it } from 'vitest'
import type { Plan, PlannedFault } from '../plan/plan.ts'
import { planFromSeed } from '../plan/plan-from-seed.ts'
import { FaultDriver, type FaultMoment } from './fault-driver.ts'

const driver = (...faults: PlannedFault[]) => new FaultDriver({ ...planFromSeed(1), faults } satisfies Plan)
const kill = (nth: number): PlannedFault => ({ id: `kill-${nth}`, do: 'kill', at: { point: 'handled', nth } })
const at = (more: Partial<FaultMoment> = {}, target: Partial<FaultMoment['target']> = {}): FaultMoment => ({
  point: 'handled',
  frozen: false,
  heldElsewhere: false,
  brokerDown: false,
  stoppingElsewhere: false,
  runs: 1,
  ...more,
  target: { proc: 'worker-1', stopping: false, held: 0, slots: 4, ...target },
})

describe('FaultDriver', () => {
  it('strikes at the n-th time that the point is reached, and only at that point', () => {
    const made = driver(kill(2), kill(3))
    expect(made.reach(at())).toBeNull()
    expect(made.reach(at({ point: 'start' }))).toBeNull()
    expect(made.reach(at())).toMatchObject({ fault: { id: 'kill-2' }, because: '2. time at handled' })
    expect(made.reach(at())).toMatchObject({ fault: { id: 'kill-3' } })
    expect(made.reach(at())).toBeNull()
    expect(made.left).toBe(0)
  })

  it('keeps a fault for the next target when this one does not suit', () => {
    const made = driver(kill(1))
    expect(made.reach(at({}, { stopping: true }))).toBeNull()
    expect(made.reach(at({}, { held: 1 }))).toBeNull()
    expect(made.reach(at({ runs: 4 }))).toBeNull()
    expect(made.left).toBe(1)
    expect(made.reach(at())).toMatchObject({ fault: { id: 'kill-1' }, because: '4. time at handled' })
  })

  it('freezes one worker at a time, and lapses a job only in its first run while a slot stays free', () => {
    const freeze = driver({ id: 'f', do: 'freeze', at: { point: 'handled', nth: 1 }, leases: 2 })
    expect(freeze.reach(at({ frozen: true }))).toBeNull()
    expect(freeze.reach(at({}, { held: 2 }))).toBeNull()
    expect(freeze.reach(at())).toMatchObject({ fault: { id: 'f' } })
    const lapse = driver({ id: 'l', do: 'lapse', at: { point: 'handled', nth: 1 } })
    expect(lapse.reach(at({ runs: 2 }))).toBeNull()
    expect(lapse.reach(at({ heldElsewhere: true }))).toBeNull()
    expect(lapse.overdue).toBe(1)
    expect(lapse.reach(at({}, { held: 3 }))).toBeNull()
    expect(lapse.reach(at({}, { held: 2 }))).toMatchObject({ fault: { id: 'l' } })
  })
})
