import type { Delivery } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { check, same } from '../check.ts'
import { lapse } from '../lapse.ts'
import { letter } from '../letter.ts'
import type { Taker } from '../taker.ts'

/** A9. A crash is not an attempt, and an attempt is not a crash. */
export const lapses: Case = {
  id: 'A9',
  title: 'lapses count leases that ended unsettled and nothing else: no retry, no release, no close',
  async run(bench) {
    const { lapses, retry, release } = bench.capabilities
    const queue = await bench.queue({ leaseMs: bench.shortLeaseMs })
    await bench.send(queue, letter())
    const taker = await bench.taker(queue)
    const expect = (delivery: Delivery, real: number, after: string) => {
      const seen = delivery.lapses
      if (lapses.value === 'none') same(seen, null, `lapses after ${after}, declared none`)
      else if (lapses.value === 'exact') same(seen, real, `lapses after ${after}, declared exact`)
      else
        check(seen !== null && seen >= real, `lapses after ${after}, declared over: expected >= ${real}, saw ${seen}`)
    }

    for (const kind of ['retry', 'release', 'retry', 'release'] as const) {
      const delivery = await next(taker, bench)
      expect(delivery, 0, 'sends, retries and releases')
      await taker.settled([{ kind, delivery, delayMs: 0 }], kind)
    }
    const closing = await bench.taker(queue)
    expect(await next(closing, bench), 0, 'four settlements')
    await closing.consumer.close()
    const handedBack = await next(taker, bench)
    if (lapses.value === 'exact') expect(handedBack, 0, 'a consumer closed and gave it back')
    await taker.settled([{ kind: 'release', delivery: handedBack, delayMs: 0 }], 'release')

    await lapse(bench, queue, 1)
    const lapsed = await next(taker, bench)
    expect(lapsed, 1, 'one lease that ended unsettled')
    await taker.settled([{ kind: 'retry', delivery: lapsed, delayMs: 0 }], 'retry after the lapse')
    const after = await next(taker, bench)
    // A composed retry is a copy, and lapses belong to the copy (design.md 4).
    if (retry.value === 'atomic' && release.value === 'atomic') expect(after, 1, 'a lapse and a retry')
    await taker.complete([after])
    await bench.empty(queue, 'after the message was completed')
  },
}

async function next(taker: Taker, bench: Bench): Promise<Delivery> {
  const withinMs = bench.waits.lapse(bench.shortLeaseMs)
  const [delivery] = await taker.take(1, { withinMs, what: 'the message whose lapses are counted' })
  if (delivery === undefined) throw new Error('take resolved with nothing')
  return delivery
}
