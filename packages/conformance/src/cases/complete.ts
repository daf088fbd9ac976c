import type { Case } from '../case.ts'
import { same } from '../check.ts'
import { identitiesOf, letter, letters } from '../letter.ts'

/** A3. Completed is for good. */
export const complete: Case = {
  id: 'A3',
  title: 'a completed message never comes back: not when its lease would have ended, not after close',
  async run(bench) {
    const leaseMs = bench.shortLeaseMs
    const queue = await bench.queue({ leaseMs })
    const sent = letters(5)
    await bench.send(queue, ...sent)
    const other = await bench.open()
    const taker = await bench.taker(queue, { leaseMs, adapter: other })
    const got = await taker.take(5, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
    await taker.complete(got)
    // A witness leased just after proves that leases of that age have ended: once it lapses, the five would have too.
    if (bench.capabilities.lease.value === 'timed') {
      const witness = letter()
      await bench.send(queue, witness)
      await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'the witness' })
      const second = await bench.taker(queue)
      const back = await second.take(1, { withinMs: bench.waits.lapse(leaseMs), what: 'the witness after its lapse' })
      same(identitiesOf(back), [witness.id], 'what came back after a lapse')
      await second.complete(back)
    }
    await other.close()
    await bench.empty(queue, 'after five were completed and their connection was closed')
  },
}
