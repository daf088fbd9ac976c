import type { Case } from '../case.ts'
import { same, word } from '../check.ts'
import { letters } from '../letter.ts'

/** Above every native batch that is small (SQS: 10), and no multiple of one. */
const MANY = 123

/** A29. */
export const bulk: Case = {
  id: 'A29',
  title:
    'more than one native batch is extended, put back and completed in one call, each item answered; nothing is as good',
  async run(bench) {
    const queue = await bench.queue()
    same(await bench.adapter.send(queue, []), [], 'answers to a send of nothing')
    await bench.send(queue, ...letters(MANY))
    const taker = await bench.taker(queue)
    same(await taker.consumer.settle([]), [], 'answers to a settlement of nothing')
    same(await taker.consumer.extend([]), [], 'answers to an extension of nothing')
    const take = { withinMs: 2 * bench.waits.arrivalMs, what: `all ${MANY}` }
    const held = await taker.take(MANY, take)
    const words = (await taker.consumer.extend(held)).map(word)
    same([words.length, ...new Set(words)], [MANY, 'settled'], 'answers to one extension')
    const release = held.map((delivery) => ({ kind: 'release' as const, delivery, delayMs: 0 }))
    await taker.settled(release, 'one release of all')
    await taker.complete(await taker.take(MANY, { ...take, what: `all ${MANY}, released` }))
    await taker.consumer.close()
    await bench.empty(queue, 'after all were completed in one call')
  },
}
