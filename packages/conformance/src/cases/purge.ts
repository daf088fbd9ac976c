import type { Case } from '../case.ts'
import { check, same, word } from '../check.ts'
import { counted } from '../counted.ts'
import { identitiesOf, letter, letters } from '../letter.ts'

/** A17. What an operator sees and what an operator removes. */
export const purge: Case = {
  id: 'A17',
  title: 'exact counts are right, and purge removes what the manifest says and nothing else',
  async run(bench) {
    const { maxDelayMs, delayGrainMs, purge } = bench.capabilities
    const queue = await bench.queue()
    const delayMs = Math.min(2_000 + 2 * delayGrainMs.value, maxDelayMs.value)
    const delayed = maxDelayMs.value > 0 ? [letter({ delayMs })] : []
    await bench.send(queue, ...letters(4))
    await bench.send(queue, ...delayed)
    const taker = await bench.taker(queue)
    const held = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'one of four' })
    await counted(bench, queue, { ready: 3, leased: 1, delayed: delayed.length })

    await bench.adapter.purge(queue)
    const answers = (await taker.consumer.settle(held.map((delivery) => ({ kind: 'complete', delivery })))).map(word)
    check(
      answers[0] === 'settled' || (purge.value === 'all' && answers[0] === 'lost'),
      `completing what was leased during a purge of ${purge.value}: saw ${answers[0]}`,
    )
    await taker.consumer.close()
    await bench.empty(queue, 'after a purge')
    // Sent after the purge with the same delay: when it is through, whatever purge left of the delayed ones is too.
    const last = letter({ delayMs: delayed.length > 0 ? delayMs : 0 })
    await bench.send(queue, last)
    const expected = [...(purge.value === 'ready' ? delayed : []), last]
    const rest = await bench.taker(queue)
    const withinMs = delayMs + bench.waits.lateMs + bench.waits.arrivalMs
    const got = await rest.take(expected.length, { withinMs, what: `what a purge of ${purge.value} leaves` })
    same(identitiesOf(got).sort(), identitiesOf(expected.map((message) => ({ message }))).sort(), 'left by purge')
    await rest.complete(got)
    await rest.consumer.close()
    await bench.empty(queue, 'at the end')
    await counted(bench, queue, { ready: 0, leased: 0, delayed: 0 })
  },
}
