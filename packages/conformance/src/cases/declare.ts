import type { Case } from '../case.ts'
import { later, same } from '../check.ts'
import { identitiesOf, letters } from '../letter.ts'

/** A23. Every worker of a deployment declares at its start, all of them at once. */
export const declare: Case = {
  id: 'A23',
  title: 'declare may be repeated, at once from many connections and processes, and leaves what is in the queue alone',
  async run(bench) {
    const [one, two] = [bench.adapter, await bench.open()]
    const queue = await bench.queue()
    const spec = { leaseMs: bench.longLeaseMs, ordered: false, dedupeMs: 0 }
    const names = Array.from({ length: 12 }, (_, index) => `${queue}-${index}`)
    const all = () => Promise.all(names.flatMap((name) => [one, two, one].map((by) => by.declare({ ...spec, name }))))
    const racing = bench.target.shared
      ? later(bench.child(queue, { take: 0, leaseMs: spec.leaseMs, declare: names }))
      : null
    await all()
    await racing
    const sent = letters(2)
    await bench.send(names[0] ?? queue, ...sent)
    await all()
    const taker = await bench.taker(names[0] ?? queue, { adapter: two })
    const got = await taker.take(2, {
      withinMs: bench.waits.arrivalMs,
      what: 'what was sent before it was declared again',
    })
    same(identitiesOf(got).sort(), identitiesOf(sent.map((message) => ({ message }))).sort(), 'after declaring again')
    await taker.complete(got)
    await bench.empty(names[0] ?? queue, 'after everything was completed')
  },
}
