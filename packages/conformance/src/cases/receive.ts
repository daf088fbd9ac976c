import { systemClock } from '@switchyard/core/adapter'
import type { Case } from '../case.ts'
import { check, later, same } from '../check.ts'
import { identitiesOf, letter, letters } from '../letter.ts'

/** A2. Demand belongs to the caller. */
export const receive: Case = {
  id: 'A2',
  title: 'receive waits for the first message, never gives more than asked for, and nobody else gets what is leased',
  async run(bench) {
    const queue = await bench.queue()
    const [first, second] = [await bench.taker(queue), await bench.taker(queue)]
    const idle = later(first.take(1, { withinMs: bench.waits.arrivalMs, what: 'a message sent while receive waited' }))
    const early = letter()
    await bench.send(queue, early)
    const held = await idle
    same(identitiesOf(held), [early.id], 'woken by')
    const [one] = held
    same([one?.lapses ?? 0, one?.note ?? null], [0, null], 'lapses and note of a first delivery')
    check((one?.leasedAt ?? 0) <= systemClock.now() + 1, `leasedAt lies in the future: ${one?.leasedAt}`)
    check((one?.leasedAt ?? 0) > systemClock.now() - 60_000, `leasedAt is not host time: ${one?.leasedAt}`)

    const six = letters(6)
    await bench.send(queue, ...six)
    const mine = await first.take(2, { withinMs: bench.waits.arrivalMs, what: 'two of six' })
    const rest = await second.take(4, { withinMs: bench.waits.arrivalMs, what: 'the four that the first left' })
    same(identitiesOf([...mine, ...rest]).sort(), six.map(({ id }) => id).sort(), 'shared between two consumers')
    const third = await second.during(bench.waits.quietMs)
    same(identitiesOf(third), [], 'delivered although leased elsewhere')
    await first.complete([...held, ...mine])
    await second.complete(rest)
    await bench.empty(queue, 'after everything was completed')
  },
}
