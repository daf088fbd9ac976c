import type { Case } from '../case.ts'
import { check, same } from '../check.ts'
import { identitiesOf, letters } from '../letter.ts'

const PREFETCH = 3

/** A31. What is fetched ahead is kept from other workers, and its lease runs. */
export const prefetch: Case = {
  id: 'A31',
  title: 'a consumer leases at most what receive asks for and prefetch, and close gives back both at once',
  async run(bench) {
    const queue = await bench.queue()
    const greedy = await bench.taker(queue, { prefetch: PREFETCH })
    const other = await bench.taker(queue, { adapter: await bench.open() })
    const sent = letters(10)
    await bench.send(queue, ...sent)
    const within = { withinMs: bench.waits.arrivalMs }
    const first = await greedy.take(1, { ...within, what: 'the first of ten' })
    const free = await other.take(10 - 1 - PREFETCH, { ...within, what: `what prefetch ${PREFETCH} leaves to others` })
    await other.complete(free)
    const rest = await greedy.during(bench.waits.quietMs, PREFETCH)
    const more = await other.during(bench.waits.quietMs)
    const ids = sent.map(({ id }) => id).sort()
    same(identitiesOf([...first, ...free, ...rest, ...more]).sort(), ids, 'all ten, once')
    for (const { leasedAt, lapses } of rest) {
      check(leasedAt <= Date.now() + 1, `leasedAt of a prefetched message lies in the future: ${leasedAt}`)
      check((lapses ?? 0) === 0, 'a prefetched message says that it lapsed')
    }
    await greedy.complete([...first, ...rest])
    await other.complete(more)

    const again = letters(6)
    await bench.send(queue, ...again)
    await greedy.take(1, { ...within, what: 'one of six' })
    await greedy.consumer.close()
    const back = await other.take(6, { ...within, what: 'what was held and prefetched, given back by close' })
    same(identitiesOf(back).sort(), again.map(({ id }) => id).sort(), 'given back')
    await other.complete(back)
    await bench.empty(queue, 'after everything was completed')
  },
}
