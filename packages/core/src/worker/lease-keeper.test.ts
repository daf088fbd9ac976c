import { describe, expect, it } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import type { Consumer, Delivery, SettleResult } from '../adapter/adapter.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type Leased, LeaseKeeper } from './lease-keeper.ts'

const LEASE_MS = 6_000

/** A keeper over a consumer whose `extend` the test writes. */
function bench(extend: (count: number, call: number) => Promise<readonly SettleResult[]>, timed = true) {
  const clock = fakeClock()
  const started = clock.now()
  const calls: number[] = []
  const lost: { readonly id: string; readonly at: number; readonly known: string }[] = []
  const stalls: number[] = []
  const consumer = {
    extend: (deliveries: readonly Delivery[]) => {
      calls.push(clock.now() - started)
      return extend(deliveries.length, calls.length)
    },
  } as unknown as Consumer
  const keeper = new LeaseKeeper<Leased & { readonly id: string }>({
    clock,
    consumer,
    leaseMs: LEASE_MS,
    timed,
    lost: ({ id }, known) => void lost.push({ id, known, at: clock.now() - started }),
    stalled: (ms) => void stalls.push(ms),
  })
  const item = (id: string, ageMs = 0) => ({ id, delivery: {} as Delivery, renewedAt: clock.now() - ageMs })
  return { clock, keeper, calls, lost, stalls, item }
}
const settled = async (count: number) => Array.from({ length: count }, () => 'settled' as const)

describe('LeaseKeeper', () => {
  it('renews every lease by a third, and leaves no timer when idle', async () => {
    const b = bench(settled)
    const item = b.item('a')
    b.keeper.add(item)
    for (let look = 0; look < 100; look++) {
      await b.clock.advance(200)
      expect(b.clock.now() - item.renewedAt).toBeLessThanOrEqual(LEASE_MS / 3)
    }
    b.keeper.remove(item)
    await b.clock.advance(LEASE_MS)
    expect([b.lost, b.clock.pending]).toEqual([[], 0])
  })

  it('tells that a lease is over when it is, not a look later, while renewals fail for ever', async () => {
    const b = bench(async () => Promise.reject(refusal('unavailable')))
    b.keeper.add(b.item('a', 0))
    await b.clock.advance(300)
    b.keeper.add(b.item('b', 0))
    await b.clock.advance(LEASE_MS)
    expect(b.lost).toEqual([
      { id: 'a', known: 'deadline', at: LEASE_MS },
      { id: 'b', known: 'deadline', at: LEASE_MS + 300 },
    ])
  })

  it('tells the same when each renewal answers an error', async () => {
    const b = bench(async (count) => Array.from({ length: count }, () => refusal('throttled')))
    b.keeper.add(b.item('a'))
    await b.clock.advance(LEASE_MS - 1)
    expect(b.lost).toEqual([])
    await b.clock.advance(1)
    expect(b.lost).toHaveLength(1)
  })

  it('does not lose all leases because one call hangs', async () => {
    const b = bench((count, call) => (call === 1 ? new Promise(() => {}) : settled(count)))
    b.keeper.add(b.item('a'))
    b.keeper.add(b.item('b'))
    await b.clock.advance(10 * LEASE_MS)
    expect(b.lost).toEqual([])
  })

  it('does not take the late answer of an old call for a new renewal', async () => {
    const old = Promise.withResolvers<readonly SettleResult[]>()
    const b = bench((count, call) => (call === 1 ? old.promise : settled(count)))
    const item = b.item('a')
    b.keeper.add(item)
    await b.clock.advance(LEASE_MS)
    const renewedAt = item.renewedAt
    old.resolve(['settled'])
    await b.clock.settle()
    expect(item.renewedAt).toBe(renewedAt)
  })

  it('looks at once at a delivery that lay in a buffer', async () => {
    const b = bench(settled)
    b.keeper.add(b.item('fresh'))
    await b.clock.advance(100)
    b.keeper.add(b.item('old', 5_950))
    await b.clock.advance(40)
    expect(b.calls).toEqual([100])
    expect(b.lost).toEqual([])
  })

  it('ends no lease by the clock where it lasts as long as the connection, but by the broker’s word', async () => {
    let answer: SettleResult = refusal('unavailable')
    const b = bench(async (count) => Array.from({ length: count }, () => answer), false)
    b.keeper.add(b.item('a'))
    await b.clock.advance(10 * LEASE_MS)
    expect(b.lost).toEqual([])
    answer = 'lost'
    await b.clock.advance(LEASE_MS)
    expect(b.lost).toMatchObject([{ known: 'renewal' }])
  })

  it('reports a stall, and ends what lapsed meanwhile', async () => {
    const b = bench(settled)
    b.keeper.add(b.item('a'))
    await b.clock.advance(100)
    b.clock.jump(LEASE_MS)
    await b.clock.advance(0)
    expect(b.stalls).toEqual([LEASE_MS + 100 - LEASE_MS / 6])
    expect(b.lost).toMatchObject([{ known: 'deadline' }])
  })
})
