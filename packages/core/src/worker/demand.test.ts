import { describe, expect, it } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { Demand, type DemandLane, type QueueSlots } from './demand.ts'

/** A lane with an endless backlog (or none), served by a broker that answers in the next microtask. */
function bench(options: {
  concurrency: number
  queues: readonly { name: string; weight: number; concurrency: number; lanes: readonly number[] }[]
}) {
  const clock = fakeClock()
  const starts = new Map<string, number>()
  const backlog = new Map<string, number>()
  const running: DemandLane[] = []
  let leased = 0
  let most = 0
  let total = 0
  const queues = options.queues.map((queue) => {
    const slots: QueueSlots & { lanes: DemandLane[] } = { ...queue, taken: 0, credit: 0, lanes: [] }
    queue.lanes.forEach((weight, index) => {
      const id = `${queue.name}/${index}`
      const lane: DemandLane = {
        slots,
        weight,
        credit: 0,
        asked: 0,
        owed: 0,
        backlogged: false,
        coolUntil: 0,
        inFlight: null,
        open: true,
        receive(max, signal) {
          const answer = () => {
            const left = backlog.get(id) ?? 0
            const got = signal.aborted && left === 0 ? 0 : Math.min(max, left)
            if (got === 0 && !signal.aborted) {
              signal.addEventListener('abort', answer, { once: true })
              return
            }
            backlog.set(id, left - got)
            starts.set(id, (starts.get(id) ?? 0) + got)
            leased += got
            total += got
            most = Math.max(most, leased)
            for (let i = 0; i < got; i++) running.push(lane)
            demand.received(lane, got)
          }
          queueMicrotask(answer)
        },
      }
      slots.lanes.push(lane)
    })
    return slots
  })
  const demand = new Demand({ clock, concurrency: options.concurrency, queues })
  return {
    clock,
    demand,
    starts,
    backlog,
    running,
    get most() {
      return most
    },
    get total() {
      return total
    },
    /** Ends the oldest running job. */
    end() {
      const lane = running.shift()
      if (lane === undefined) return false
      leased -= 1
      demand.release(lane, 1)
      return true
    },
  }
}

describe('Demand', () => {
  it.each([1, 4, 20])(
    'shares starts 6:3:1 within 5 points when all are backlogged, concurrency %i',
    async (concurrency) => {
      const b = bench({
        concurrency,
        queues: [
          { name: 'a', weight: 6, concurrency, lanes: [4] },
          { name: 'b', weight: 3, concurrency, lanes: [4] },
          { name: 'c', weight: 1, concurrency, lanes: [4] },
        ],
      })
      for (const id of ['a/0', 'b/0', 'c/0']) b.backlog.set(id, 100_000)
      b.demand.pump()
      while (b.total < 10_000) {
        if (!b.end()) await b.clock.advance(1)
        else await Promise.resolve()
      }
      const share = (id: string) => (100 * (b.starts.get(id) ?? 0)) / b.total
      expect(Math.abs(share('a/0') - 60)).toBeLessThan(5)
      expect(Math.abs(share('b/0') - 30)).toBeLessThan(5)
      expect(Math.abs(share('c/0') - 10)).toBeLessThan(5)
      expect(b.most).toBeLessThanOrEqual(concurrency)
    },
  )

  it('serves lanes 1:4:16:64 and starves none', async () => {
    const b = bench({ concurrency: 4, queues: [{ name: 'q', weight: 1, concurrency: 4, lanes: [1, 4, 16, 64] }] })
    for (let lane = 0; lane < 4; lane++) b.backlog.set(`q/${lane}`, 100_000)
    b.demand.pump()
    while (b.total < 8_500) {
      if (!b.end()) await b.clock.advance(1)
      else await Promise.resolve()
    }
    const shares = [0, 1, 2, 3].map((lane) => Math.round((85 * (b.starts.get(`q/${lane}`) ?? 0)) / b.total))
    expect(shares).toEqual([1, 4, 16, 64])
  })

  it('finds work in a lane that was empty while another keeps all slots busy', async () => {
    const b = bench({ concurrency: 1, queues: [{ name: 'q', weight: 1, concurrency: 1, lanes: [1, 64] }] })
    b.backlog.set('q/0', 1_000)
    b.demand.pump()
    await b.clock.advance(10)
    b.backlog.set('q/1', 1)
    let turns = 0
    while ((b.starts.get('q/1') ?? 0) === 0 && turns++ < 200) {
      b.end()
      await b.clock.advance(5)
    }
    expect(b.starts.get('q/1')).toBe(1)
    expect(turns).toBeLessThan(60)
  })

  it('gives slots of idle listeners to a queue with a backlog, and keeps the total', async () => {
    const b = bench({
      concurrency: 10,
      queues: [
        { name: 'a', weight: 1, concurrency: 10, lanes: [4] },
        { name: 'b', weight: 1, concurrency: 10, lanes: [4] },
      ],
    })
    b.backlog.set('a/0', 100)
    b.demand.pump()
    await b.clock.advance(20)
    // `b` listened with its half of the slots, found nothing, and lost them to the backlog of `a`.
    expect(b.running.length).toBe(10)
    expect(b.most).toBe(10)
  })
})
