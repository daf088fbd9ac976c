import type { Case } from '../case.ts'
import { check, later, refused, same } from '../check.ts'
import { identitiesOf, letter, letters } from '../letter.ts'

/** A18. The ends of things. */
export const close: Case = {
  id: 'A18',
  title:
    'close gives back at once what is held, ends what waits, can be called twice; later calls and unknown queues fail typed',
  async run(bench) {
    const queue = await bench.queue()
    const sent = letters(3)
    await bench.send(queue, ...sent)
    const other = await bench.open()
    const holder = await bench.taker(queue, { adapter: other })
    await holder.take(3, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
    await holder.consumer.close()
    await holder.consumer.close()
    const taker = await bench.taker(queue)
    const back = await taker.take(3, { withinMs: bench.waits.arrivalMs, what: 'given back long before the lease ends' })
    same(identitiesOf(back).sort(), sent.map(({ id }) => id).sort(), 'given back by close')
    await taker.complete(back)
    await taker.consumer.close()

    const waiting = await bench.taker(queue, { adapter: other })
    const receiving = later(waiting.consumer.receive(1, new AbortController().signal))
    await other.close()
    await other.close()
    const ended = await Promise.race([
      receiving.then(
        (got) => (got.length === 0 ? 'ended' : 'delivered something'),
        (error: unknown) =>
          error instanceof Error && 'code' in error && error.code === 'closed' ? 'ended' : String(error),
      ),
      new Promise<string>((resolve) =>
        AbortSignal.timeout(bench.waits.arrivalMs).addEventListener('abort', () => resolve('still waiting')),
      ),
    ])
    same(ended, 'ended', 'a receive that waited while its adapter was closed')
    await refused(other.send(queue, [letter()]), ['closed'], 'send after close')
    await refused(other.stats(queue), ['closed'], 'stats after close')
    await refused(
      other.consume(queue, { leaseMs: bench.longLeaseMs, prefetch: 0, lost() {} }),
      ['closed'],
      'consume after close',
    )

    const nowhere = `${queue}-undeclared`
    await refused(bench.adapter.send(nowhere, [letter()]), ['not-found'], 'send to a queue that nobody declared')
    await bench.empty(queue, 'at the end')
    check(
      bench.faults.every(({ code }) => code !== 'unknown'),
      `faults without a code: ${bench.faults.map(String).join('; ')}`,
    )
  },
}
