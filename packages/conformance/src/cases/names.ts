import { deadName, laneName } from '@switchyard/core/adapter'
import type { Case } from '../case.ts'
import { same } from '../check.ts'
import { identitiesOf, letter } from '../letter.ts'

/** A30. `[a-z0-9-]{1,60}`, and core's lanes and dead queues beside them. */
export const names: Case = {
  id: 'A30',
  title: 'queues whose names are alike, long, or differ in a dot are different queues',
  async run(bench) {
    const base = await bench.queue()
    const long = base.padEnd(60, 'x')
    const all = [
      base,
      laneName(base, 'low'),
      laneName(base, 'critical'),
      deadName(base),
      `${base}-dead`,
      `${base}-critical`,
      long,
      laneName(long, 'critical'),
      deadName(long),
      long.slice(0, 59),
    ]
    const spec = { leaseMs: bench.longLeaseMs, ordered: false, dedupeMs: 0 }
    const sent = new Map<string, string>()
    for (const name of all) await bench.adapter.declare({ ...spec, name })
    for (const name of all) {
      const one = letter()
      sent.set(name, one.id)
      await bench.send(name, one)
    }
    for (const name of all) {
      const taker = await bench.taker(name)
      const got = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: `the message of ${name}` })
      same(identitiesOf(got), [sent.get(name)], `what came out of ${name}`)
      await taker.complete(got)
      await taker.consumer.close()
      await bench.empty(name, `queue ${name}`)
    }
  },
}
