import type { Delivery, Settlement } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { same } from '../check.ts'
import { identitiesOf, letters } from '../letter.ts'

/** A4. */
export const retry: Case = {
  id: 'A4',
  title: 'retry puts the same message back, once, for anybody',
  run: (bench) => putBack(bench, (delivery) => ({ kind: 'retry', delivery, delayMs: 0 })),
}

/** A5. */
export const release: Case = {
  id: 'A5',
  title: 'release puts the same message back, once, for anybody',
  run: (bench) => putBack(bench, (delivery) => ({ kind: 'release', delivery, delayMs: 0 })),
}

/** Retry and release differ for native counters only, so that they share one check. */
async function putBack(bench: Bench, settlement: (delivery: Delivery) => Settlement): Promise<void> {
  const queue = await bench.queue()
  const sent = letters(4)
  await bench.send(queue, ...sent)
  const taker = await bench.taker(queue)
  const got = await taker.take(4, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
  await taker.settled(got.map(settlement), 'put back')
  const other = await bench.taker(queue, { adapter: await bench.open() })
  const again = await other.take(4, { withinMs: bench.waits.arrivalMs, what: 'put back, at another connection' })
  same(identitiesOf(again).sort(), identitiesOf(got).sort(), 'put back')
  same(again.map(({ message }) => message.body).sort(), sent.map(({ body }) => body).sort(), 'bodies put back')
  await other.settled(again.map(settlement), 'put back a second time')
  const last = await taker.take(4, { withinMs: bench.waits.arrivalMs, what: 'put back twice' })
  await taker.complete(last)
  await bench.empty(queue, 'after everything was completed')
}
