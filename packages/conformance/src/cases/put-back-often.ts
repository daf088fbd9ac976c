import type { Case } from '../case.ts'
import { same } from '../check.ts'
import { identitiesOf, letter } from '../letter.ts'

/** RabbitMQ 4 drops a message of a quorum queue at the 20th return unless told otherwise. */
const TIMES = 26

/** A38. How often is core's decision. */
export const putBackOften: Case = {
  id: 'A38',
  title: `a message may be put back ${TIMES} times and is still there: the broker has no limit of its own`,
  async run(bench) {
    const queue = await bench.queue()
    const one = letter()
    await bench.send(queue, one)
    const taker = await bench.taker(queue)
    for (let time = 1; time <= TIMES; time += 1) {
      const got = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: `the message, delivery ${time}` })
      same(identitiesOf(got), [one.id], `delivery ${time}`)
      const kind = time % 2 === 0 ? 'retry' : 'release'
      await taker.settled(
        got.map((delivery) => ({ kind, delivery, delayMs: 0 })),
        `${kind} ${time}`,
      )
    }
    const last = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: `the message put back ${TIMES} times` })
    await taker.complete(last)
    await bench.empty(queue, 'after it was completed')
  },
}
