import type { Bench } from './bench.ts'
import { same } from './check.ts'
import { identitiesOf, letter } from './letter.ts'

/** One message through. Clauses about refusals begin with it, so that an adapter which refuses or swallows everything is green nowhere. */
export async function alive(bench: Bench): Promise<void> {
  const queue = await bench.queue()
  const one = letter()
  await bench.send(queue, one)
  const taker = await bench.taker(queue)
  const got = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'a message, to begin with' })
  same(identitiesOf(got), [one.id], 'delivered, to begin with')
  await taker.complete(got)
  await taker.consumer.close()
}
