import type { Delivery } from '@switchyard/core/adapter'
import type { Case } from '../case.ts'
import { same, word } from '../check.ts'
import { identitiesOf, letter, letters } from '../letter.ts'

/** A25. */
export const mixed: Case = {
  id: 'A25',
  title: 'a batch of settlements is answered item by item, in order: a stale one among live ones is lost alone',
  async run(bench) {
    const [queue, other] = [await bench.queue(), await bench.queue()]
    await bench.send(queue, ...letters(8))
    const taker = await bench.taker(queue)
    const held = await taker.take(8, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
    const [a, b, c, d, e, f, g, h] = held as [
      Delivery,
      Delivery,
      Delivery,
      Delivery,
      Delivery,
      Delivery,
      Delivery,
      Delivery,
    ]
    await taker.complete([a])
    await taker.settled([{ kind: 'release', delivery: b, delayMs: 0 }], 'release')

    const moved = letter()
    const answers = await taker.consumer.settle([
      { kind: 'complete', delivery: f },
      { kind: 'complete', delivery: a },
      { kind: 'retry', delivery: c, delayMs: 0 },
      { kind: 'retry', delivery: b, delayMs: 0 },
      { kind: 'complete', delivery: e },
      { kind: 'move', delivery: d, to: other, message: moved },
      { kind: 'complete', delivery: g },
    ])
    const expected = ['settled', 'lost', 'settled', 'lost', 'settled', 'settled', 'settled']
    same(answers.map(word), expected, 'answers to seven settlements, the second and the fourth stale')
    same(
      (await taker.consumer.extend([a, h, b])).map(word),
      ['lost', 'settled', 'lost'],
      'extension, one of three live',
    )

    const back = await taker.take(2, { withinMs: bench.waits.arrivalMs, what: 'the one released and the one retried' })
    same(identitiesOf(back).sort(), identitiesOf([b, c]).sort(), 'put back')
    await taker.complete([...back, h])
    const reader = await bench.taker(other)
    const there = await reader.take(1, { withinMs: bench.waits.arrivalMs, what: 'the one that was moved' })
    same(identitiesOf(there), [moved.id], 'moved')
    await reader.complete(there)
    await bench.empty(other, 'the other queue')
    await bench.empty(queue, 'after everything was settled')
  },
}
