import type { Case } from '../case.ts'
import { refused, same } from '../check.ts'
import { identitiesOf, letter } from '../letter.ts'

/** A20. What listing and filtering dead letters stand on where there is no browse. */
export const exclusive: Case = {
  id: 'A20',
  title: 'an exclusive consumer keeps every other one out until it closes, or is refused',
  async run(bench) {
    const queue = await bench.queue()
    const options = { leaseMs: bench.longLeaseMs, prefetch: 0, lost() {} }
    if (!bench.capabilities.exclusive.value) {
      const asking = bench.adapter.consume(queue, { ...options, exclusive: true })
      await refused(asking, ['unsupported'], 'exclusive although not declared')
      return bench.empty(queue, 'after exclusive was refused')
    }
    const [here, there] = [bench.adapter, await bench.open()]
    const reader = await bench.taker(queue, { exclusive: true })
    for (const [adapter, where] of [
      [here, 'this'],
      [there, 'another'],
    ] as const) {
      await refused(adapter.consume(queue, options), ['conflict'], `a second consumer on ${where} connection`)
      const asking = adapter.consume(queue, { ...options, exclusive: true })
      await refused(asking, ['conflict'], `a second exclusive consumer on ${where} connection`)
    }
    const message = letter()
    await bench.send(queue, message)
    const got = await reader.take(1, { withinMs: bench.waits.arrivalMs, what: 'the message for the exclusive reader' })
    same(identitiesOf(got), [message.id], 'read exclusively')
    await reader.complete(got)
    await reader.consumer.close()
    const next = await bench.taker(queue, { exclusive: true, adapter: there })
    await next.consumer.close()
    await bench.empty(queue, 'after both exclusive readers closed')
  },
}
