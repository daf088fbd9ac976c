import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { Demand, type DemandLane, type QueueSlots } from './demand.ts'

interface Scenario {
  readonly concurrency: number
  readonly queues: readonly { readonly weight: number; readonly cap: number; readonly lanes: readonly number[] }[]
  readonly steps: readonly Step[]
}
type Step =
  | { readonly kind: 'arrive'; readonly lane: number; readonly jobs: number }
  | { readonly kind: 'end'; readonly job: number }
  | { readonly kind: 'time'; readonly ms: number }

/** How long a lane with work may wait while slots are free or only listen: a few turns of listening and resting. */
const PATIENCE_MS = 1_000

const scenario: fc.Arbitrary<Scenario> = fc.record({
  concurrency: fc.integer({ min: 1, max: 6 }),
  queues: fc.array(
    fc.record({
      weight: fc.constantFrom(1, 3, 6),
      cap: fc.integer({ min: 1, max: 5 }),
      lanes: fc.array(fc.constantFrom(1, 4, 16, 64), { minLength: 1, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  steps: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('arrive' as const), lane: fc.nat(8), jobs: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ kind: fc.constant('end' as const), job: fc.nat(20) }),
      fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(0, 1, 4, 5, 20, 60, 150) }),
    ),
    { maxLength: 30 },
  ),
})

function world({ concurrency, queues }: Scenario) {
  const clock = fakeClock()
  const lanes: { readonly lane: DemandLane; waiting: number; serve: (() => void) | null }[] = []
  const running: DemandLane[] = []
  const problems: string[] = []
  const slots = queues.map(({ weight, cap, lanes: weights }, index) => {
    const own: QueueSlots & { lanes: DemandLane[] } = {
      name: `q${index}`,
      weight,
      concurrency: cap,
      taken: 0,
      credit: 0,
      lanes: [],
    }
    for (const laneWeight of weights) {
      const one = { lane: null as unknown as DemandLane, waiting: 0, serve: null as (() => void) | null }
      const receive = (max: number, signal: AbortSignal) => {
        let served = false
        const serve = () => {
          if (served || (one.waiting === 0 && !signal.aborted)) return
          served = true
          one.serve = null
          signal.removeEventListener('abort', serve)
          const got = Math.min(max, one.waiting)
          one.waiting -= got
          for (let job = 0; job < got; job++) running.push(one.lane)
          if (running.length > concurrency) problems.push('more than concurrency')
          if (running.filter((lane) => lane.slots === own).length > cap) problems.push('more than the cap of a queue')
          demand.received(one.lane, got)
        }
        one.serve = () => queueMicrotask(serve)
        signal.addEventListener('abort', serve, { once: true })
        queueMicrotask(serve)
      }
      one.lane = {
        slots: own,
        weight: laneWeight,
        credit: 0,
        asked: 0,
        owed: 0,
        backlogged: false,
        coolUntil: 0,
        inFlight: null,
        open: true,
        receive,
      }
      own.lanes.push(one.lane)
      lanes.push(one)
    }
    return own
  })
  const demand = new Demand({ clock, concurrency, queues: slots })
  return { clock, demand, lanes, running, problems }
}

it('leaves no lane with work waiting while a slot is free or only listens, and never exceeds a limit', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const w = world(given)
      w.demand.pump()
      for (const step of given.steps) {
        if (step.kind === 'time') await w.clock.advance(step.ms)
        else if (step.kind === 'arrive') {
          const one = w.lanes[step.lane % w.lanes.length]
          if (one !== undefined) {
            one.waiting += step.jobs
            one.serve?.()
          }
        } else if (w.running.length > 0) {
          const [lane] = w.running.splice(step.job % w.running.length, 1)
          if (lane !== undefined) w.demand.release(lane, 1)
        }
      }
      // Nothing ends any more: what can start within the limits must have started after a while.
      await w.clock.advance(PATIENCE_MS)
      expect(w.problems).toEqual([])
      const free = given.concurrency - w.running.length
      const stuck = w.lanes.filter(({ lane, waiting }) => {
        const taken = w.running.filter((one) => one.slots === lane.slots).length
        return waiting > 0 && free > 0 && taken < lane.slots.concurrency
      })
      expect(stuck.map(({ lane }) => lane.slots.name)).toEqual([])
      // Ending one after the other runs everything.
      for (let ends = 0; ends < 1_000 && w.running.length > 0; ends++) {
        const [lane] = w.running.splice(0, 1)
        if (lane !== undefined) w.demand.release(lane, 1)
        await w.clock.advance(w.running.length === 0 ? PATIENCE_MS : 5)
      }
      expect(w.lanes.map(({ waiting }) => waiting)).toEqual(w.lanes.map(() => 0))
      expect(w.problems).toEqual([])
    }),
    { numRuns: 150 },
  )
})

it.each([10, 4, 1])('hears a job in the lightest lane of an idle worker soon, concurrency %i', async (concurrency) => {
  const w = world({ concurrency, queues: [{ weight: 1, cap: concurrency, lanes: [1, 4, 16, 64] }], steps: [] })
  w.demand.pump()
  await w.clock.advance(1_000)
  const [lightest] = w.lanes
  if (lightest !== undefined) lightest.waiting = 1
  lightest?.serve?.()
  // At once where every lane has a slot to listen with, otherwise within a listening turn per lane.
  await w.clock.advance(concurrency >= 4 ? 0 : 250)
  expect(w.running).toHaveLength(1)
})
