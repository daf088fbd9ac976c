import type { Case } from '../case.ts'
import { same } from '../check.ts'
import { lapse } from '../lapse.ts'
import { identitiesOf, letters } from '../letter.ts'

/** A12. A worker that dies takes nothing with it. */
export const killed: Case = {
  id: 'A12',
  title: 'what a process held when SIGKILL ended it comes back, all of it, and nothing before its lease ended',
  async run(bench) {
    const leaseMs = Math.max(bench.shortLeaseMs, Math.min(2_000, bench.capabilities.maxLeaseMs.value))
    const queue = await bench.queue({ leaseMs })
    const sent = letters(5)
    await bench.send(queue, ...sent)
    const ids = sent.map(({ id }) => id)
    const taker = await bench.taker(queue)
    if (!bench.target.shared) {
      bench.fact('variant', 'in process: no other process can reach this broker')
      await lapse(bench, queue, 3)
      const all = await taker.take(5, { withinMs: bench.waits.lapse(leaseMs), what: 'free and lapsed' })
      same(identitiesOf(all).sort(), ids.sort(), 'after the lapse')
      await taker.complete(all)
      return bench.empty(queue, 'after everything was completed')
    }
    const child = await bench.child(queue, { take: 3, leaseMs })
    const held = identitiesOf(child.bodies.map((body) => ({ message: { id: '', body } })))
    const free = await taker.take(2, { withinMs: bench.waits.arrivalMs, what: 'the two that the child left' })
    same([...held, ...identitiesOf(free)].sort(), ids.sort(), 'shared between child and parent')
    await taker.complete(free)
    await child.kill()
    const back = await taker.take(3, { withinMs: bench.waits.lapse(leaseMs), what: 'what the killed process held' })
    same(identitiesOf(back).sort(), held.sort(), 'what came back')
    if (bench.capabilities.lapses.value === 'exact')
      same(
        back.map(({ lapses }) => lapses),
        [1, 1, 1],
        'lapses after the kill, declared exact',
      )
    await taker.complete(back)
    await bench.empty(queue, 'after everything was completed')
  },
}
