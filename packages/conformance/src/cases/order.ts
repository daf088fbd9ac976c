import type { Delivery } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { refused, same } from '../check.ts'
import { identitiesOf, identityOf, letter, letters } from '../letter.ts'

/** A11. Works as declared, or is refused as declared. */
export const order: Case = {
  id: 'A11',
  title: 'a lane keeps the declared order: FIFO for one consumer, one at a time per key, or refusal of order keys',
  async run(bench) {
    const { ordering } = bench.capabilities
    if (ordering.value === 'queue') await fifo(bench)
    if (ordering.value === 'key') return byKey(bench)
    const queue = await bench.queue()
    const ordered = { name: `${queue}x`, leaseMs: bench.longLeaseMs, ordered: true, dedupeMs: 0 }
    await refused(
      bench.adapter.declare(ordered),
      ['unsupported'],
      'declare({ ordered: true }) although ordering is not key',
    )
    const keyed = letter({ orderKey: 'k' })
    await refused(
      bench.adapter.send(queue, [keyed]),
      ['unsupported', 'invalid'],
      'an orderKey although ordering is not key',
    )
    await bench.empty(queue, 'after an orderKey was refused')
  },
}

/** Several sends, taken in uneven bites by one consumer. */
async function fifo(bench: Bench): Promise<void> {
  const queue = await bench.queue()
  const sent = letters(40)
  for (let at = 0; at < sent.length; at += 8) await bench.send(queue, ...sent.slice(at, at + 8))
  const taker = await bench.taker(queue)
  const got: Delivery[] = []
  for (const bite of [1, 7, 2, 13, 17]) {
    const some = await taker.take(bite, { withinMs: bench.waits.arrivalMs, what: `${bite} in order` })
    await taker.complete(some)
    got.push(...some)
  }
  same(identitiesOf(got), identitiesOf(sent.map((message) => ({ message }))), 'order of delivery to one consumer')
}

/** Two keys and two consumers: the head of a key keeps the rest of it back, whether leased or put back with a delay. */
async function byKey(bench: Bench): Promise<void> {
  const queue = await bench.queue({ ordered: true })
  const [a, b] = [letters(4, { orderKey: 'a' }), letters(4, { orderKey: 'b' })]
  const plan = [a, b].map((list) => list.map(({ id }) => id))
  await bench.send(queue, ...a.flatMap((message, index) => [message, b[index] ?? letter()]))
  const [one, two] = [await bench.taker(queue), await bench.taker(queue, { adapter: await bench.open() })]
  const seen: string[][] = [[], []]
  for (let round = 0; round < 4; round += 1) {
    const heads = await one.take(2, { withinMs: bench.waits.arrivalMs, what: `head of each key, round ${round}` })
    same(identitiesOf(heads).sort(), [plan[0]?.[round], plan[1]?.[round]].sort(), `the two heads, round ${round}`)
    same(identitiesOf(await two.during(bench.waits.quietMs)), [], 'delivered although the head of its key is leased')
    for (const head of heads) seen[plan[0]?.includes(identityOf(head)) ? 0 : 1]?.push(identityOf(head))
    const [first, second] = heads
    if (first === undefined || second === undefined) return
    await one.settled([{ kind: 'retry', delivery: first, delayMs: 0 }], 'retry of a head')
    const again = await two.take(1, { withinMs: bench.waits.arrivalMs, what: 'the head that was retried' })
    same(identitiesOf(again), [identityOf(first)], 'a retried head stays in front of its key')
    await two.complete(again)
    await one.complete([second])
  }
  same(seen, plan, 'order within each key')
  await bench.empty(queue, 'after everything was completed')
}
