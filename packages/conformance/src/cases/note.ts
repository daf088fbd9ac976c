import type { Delivery } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { refused, same } from '../check.ts'
import { identitiesOf, letter } from '../letter.ts'
import type { Taker } from '../taker.ts'

/** Seam, `Delivery.note`: JSON text of at most 4 096 bytes. Here letters of one, two and four bytes and both kinds of escape. */
const LARGEST = exactly(4_096, `{"failures":"\\u0000\\"\u{1f68b}${'\u00e9'.repeat(1_000)}`, '"}')

/** A8. How attempts and their history survive on every broker. */
export const note: Case = {
  id: 'A8',
  title: 'the note of a retry or release comes back byte for byte, and stays when none is given',
  async run(bench) {
    const queue = await bench.queue()
    await bench.send(queue, letter())
    const taker = await bench.taker(queue)
    const one = await next(taker, bench)
    same(one.note, null, 'note of a first delivery')
    if (bench.capabilities.note.value === 'unsupported') return unsupported(bench, taker, one)

    await taker.settled([{ kind: 'retry', delivery: one, delayMs: 0, note: '{"attempt":2}' }], 'retry with a note')
    const two = await next(taker, bench)
    same(two.note, '{"attempt":2}', 'note left by retry')
    await taker.settled([{ kind: 'release', delivery: two, delayMs: 0 }], 'release without a note')
    const three = await next(taker, bench)
    same(three.note, '{"attempt":2}', 'note unchanged by a release without one')
    await taker.settled([{ kind: 'release', delivery: three, delayMs: 0, note: LARGEST }], 'release with 4 096 bytes')
    const four = await next(taker, bench)
    same(four.note, LARGEST, 'the largest note, left by release')
    await taker.settled([{ kind: 'retry', delivery: four, delayMs: 0 }], 'retry without a note')
    const five = await next(taker, bench)
    same(five.note, LARGEST, 'note unchanged by a retry without one')
    same(identitiesOf([five]), identitiesOf([one]), 'the message that carried the notes')
    await taker.complete([five])
    await bench.empty(queue, 'after the message was completed')
  },
}

async function next(taker: Taker, bench: Bench): Promise<Delivery> {
  const [delivery] = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'the message with the note' })
  if (delivery === undefined) throw new Error('take resolved with nothing')
  return delivery
}

async function unsupported(bench: Bench, taker: Taker, delivery: Delivery): Promise<void> {
  await refused(
    taker.consumer.settle([{ kind: 'retry', delivery, delayMs: 0, note: '{"attempt":2}' }]),
    ['unsupported'],
    'retry with a note although the manifest has none',
  )
  await taker.settled([{ kind: 'retry', delivery, delayMs: 0 }], 'retry without a note after the refusal')
  const again = await next(taker, bench)
  same(again.note, null, 'note after a refused one')
  await taker.complete([again])
}

function exactly(bytes: number, head: string, tail: string): string {
  return head + 'x'.repeat(bytes - Buffer.byteLength(head) - Buffer.byteLength(tail)) + tail
}
