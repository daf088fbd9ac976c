import type { Case } from '../case.ts'
import { same } from '../check.ts'
import { identitiesOf, letter, letters } from '../letter.ts'

/** A6. The primitive under dead letters and replay. */
export const move: Case = {
  id: 'A6',
  title: 'move sends the new message to the other queue, once, and completes the old one; also back again',
  async run(bench) {
    const [queue, dead] = [await bench.queue(), await bench.queue()]
    const sent = letters(3)
    await bench.send(queue, ...sent)
    const taker = await bench.taker(queue)
    const got = await taker.take(3, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
    const moved = got.map(() => letter({ text: 'died' }))
    await taker.settled(
      got.map((delivery, index) => ({ kind: 'move', delivery, to: dead, message: moved[index] ?? letter() })),
      'move',
    )
    const reader = await bench.taker(dead)
    const letters3 = await reader.take(3, { withinMs: bench.waits.arrivalMs, what: 'what was moved' })
    same(letters3.map(({ message }) => message.body).sort(), moved.map(({ body }) => body).sort(), 'moved bodies')
    same(
      letters3.map(({ note }) => note),
      [null, null, null],
      'notes of moved messages',
    )
    await bench.empty(queue, 'the queue that was moved from')

    const back = letters3.map(() => letter({ text: 'replayed' }))
    await reader.settled(
      letters3.map((delivery, index) => ({ kind: 'move', delivery, to: queue, message: back[index] ?? letter() })),
      'move back',
    )
    const again = await taker.take(3, { withinMs: bench.waits.arrivalMs, what: 'what was moved back' })
    same(identitiesOf(again).sort(), back.map(({ id }) => id).sort(), 'moved back')
    await taker.complete(again)
    await bench.empty(dead, 'the other queue')
    await bench.empty(queue, 'after everything was completed')
  },
}
