import type { Case } from '../case.ts'
import { later, same } from '../check.ts'
import { identitiesOf, letters } from '../letter.ts'

const QUEUES = 24

/** A33. The names of the suite are numbered: `…-1` is the beginning of `…-10`. */
export const manyQueues: Case = {
  id: 'A33',
  title: 'many queues on one connection are worked at once, and a purge of one leaves the others alone',
  async run(bench) {
    const queues: string[] = []
    for (let index = 0; index < QUEUES; index += 1) queues.push(await bench.queue())
    const [first = '', ...others] = queues
    const takers = await Promise.all(queues.map((queue) => bench.taker(queue)))
    const early = takers.map((taker, index) =>
      later(taker.take(1, { withinMs: 2 * bench.waits.arrivalMs, what: `the first message of queue ${index + 1}` })),
    )
    const sent = queues.map(() => letters(3))
    await Promise.all(queues.map((queue, index) => bench.send(queue, ...(sent[index] ?? []))))
    const got = await Promise.all(early)
    await bench.adapter.purge(first)
    await Promise.all(
      others.map(async (_, at) => {
        const taker = takers[at + 1]
        const rest = await taker?.take(2, { withinMs: bench.waits.arrivalMs, what: `the rest of queue ${at + 2}` })
        const all = [...(got[at + 1] ?? []), ...(rest ?? [])]
        same(identitiesOf(all).sort(), sent[at + 1]?.map(({ id }) => id).sort(), `what came out of queue ${at + 2}`)
        await taker?.complete(all)
        await taker?.consumer.close()
      }),
    )
    await takers[0]?.consumer.close()
    for (const queue of [others[0] ?? '', others[8] ?? '']) await bench.empty(queue, 'after everything was completed')
  },
}
