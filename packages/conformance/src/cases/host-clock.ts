import type { Clock } from '@switchyard/core/adapter'
import { systemClock } from '@switchyard/core/adapter'
import { breath } from '../breath.ts'
import type { Case } from '../case.ts'
import { check, same } from '../check.ts'
import { identitiesOf, letter } from '../letter.ts'

const DAY_MS = 86_400_000

/** A37. The simulator and every test of an application own time through this clock. */
export const hostClock: Case = {
  id: 'A37',
  title: "an adapter lives by the host's clock: leasedAt is host time, and no timer of it is left after close",
  async run(bench) {
    const pending = new Set<object>()
    const now = () => systemClock.now() + DAY_MS
    const schedule: Clock['schedule'] = (delayMs, run) => {
      const token = {}
      pending.add(token)
      const cancel = systemClock.schedule(delayMs, () => {
        pending.delete(token)
        run()
      })
      return () => {
        pending.delete(token)
        cancel()
      }
    }
    const sleep: Clock['sleep'] = async (delayMs, signal) => {
      const token = {}
      pending.add(token)
      await systemClock.sleep(delayMs, signal)
      pending.delete(token)
    }
    const adapter = await bench.open({ clock: { ...systemClock, now, schedule, sleep } })
    const queue = await bench.queue()
    await adapter.declare({ name: queue, leaseMs: bench.longLeaseMs, ordered: false, dedupeMs: 0 })
    const taker = await bench.taker(queue, { adapter })
    const one = letter()
    const before = now()
    same(await adapter.send(queue, [one]), ['accepted'], 'send by a host whose clock is a day ahead')
    const got = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
    const [delivery] = got
    same(identitiesOf(got), [one.id], 'delivered')
    const leasedAt = delivery?.leasedAt ?? 0
    check(
      leasedAt >= before - 60_000,
      `leasedAt is ${before - leasedAt} ms behind the host's clock: it was read elsewhere`,
    )
    check(leasedAt <= now() + 1, `leasedAt lies ${leasedAt - now()} ms in the future of the host's clock`)
    await taker.complete(got)
    await adapter.close()
    await breath()
    check(pending.size === 0, `${pending.size} timers of the host's clock are left after close`)
    await bench.empty(queue, 'after the message was completed')
  },
}
