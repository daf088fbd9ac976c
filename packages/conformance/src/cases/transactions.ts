import type { Adapter, Consumer, Delivery } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { refused, same, word } from '../check.ts'
import { identitiesOf, letter, letters } from '../letter.ts'

/** A34. Effects once without a ledger: what the user's transaction undoes, it undoes here. */
export const transactions: Case = {
  id: 'A34',
  title:
    'send and settle inside a transaction of the user become true with its commit and vanish with its rollback, or tx is refused',
  async run(bench) {
    const queue = await bench.queue()
    if (!bench.capabilities.transactions.value) return refusesTx(bench, queue)
    const begin = bench.hook('begin')
    const adapter = bench.adapter as Adapter<unknown>
    const inTx = async (end: 'commit' | 'rollback', run: (tx: unknown) => Promise<void>) => {
      const transaction = await begin()
      try {
        await run(transaction.tx)
      } catch (error) {
        await transaction.rollback()
        throw error
      }
      await transaction[end]()
    }
    const sends = (of: ReturnType<typeof letters>) => async (tx: unknown) =>
      same(
        (await adapter.send(queue, of, tx)).map(word),
        of.map(() => 'accepted'),
        'send inside a transaction',
      )
    await inTx('rollback', sends(letters(2)))
    await bench.empty(queue, 'after the sends were rolled back')
    const kept = letters(3)
    await inTx('commit', sends(kept))
    const taker = await bench.taker(queue)
    const held = await taker.take(3, { withinMs: bench.waits.arrivalMs, what: 'what was committed' })
    same(identitiesOf(held).sort(), kept.map(({ id }) => id).sort(), 'committed')

    const [one, two, three] = held as [Delivery, Delivery, Delivery]
    const consumer = taker.consumer as Consumer<unknown>
    const completes = (delivery: Delivery, answer: string) => async (tx: unknown) =>
      same(
        (await consumer.settle([{ kind: 'complete', delivery }], tx)).map(word),
        [answer],
        'complete inside a transaction',
      )
    await inTx('rollback', completes(one, 'settled'))
    const other = await bench.queue()
    await inTx('rollback', async (tx) => {
      const answers = await consumer.settle([{ kind: 'move', delivery: three, to: other, message: letter() }], tx)
      same(answers.map(word), ['settled'], 'move inside a transaction')
    })
    await inTx('commit', completes(two, 'settled'))
    await inTx('rollback', completes(two, 'lost'))
    await taker.settled([{ kind: 'release', delivery: one, delayMs: 0 }], 'release of what a rollback left leased')
    const again = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'the one released' })
    same(identitiesOf(again), identitiesOf([one]), 'released')
    await taker.complete([...again, three])
    await bench.empty(other, 'the queue of a move that was rolled back')
    await bench.empty(queue, 'after everything was completed')
  },
}

async function refusesTx(bench: Bench, queue: string): Promise<void> {
  const adapter = bench.adapter as Adapter<unknown>
  await refused(
    adapter.send(queue, [letter()], {}),
    ['unsupported'],
    'send with tx although transactions are not declared',
  )
  await bench.empty(queue, 'after a send with tx was refused')
  const one = letter()
  await bench.send(queue, one)
  const taker = await bench.taker(queue)
  const held = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
  const consumer = taker.consumer as Consumer<unknown>
  const settling = consumer.settle(
    held.map((delivery) => ({ kind: 'complete', delivery })),
    {},
  )
  await refused(settling, ['unsupported'], 'settle with tx although transactions are not declared')
  await taker.settled(
    held.map((delivery) => ({ kind: 'release', delivery, delayMs: 0 })),
    'release of what was not settled',
  )
  const again = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'what was not settled' })
  same(identitiesOf(again), [one.id], 'after a settle with tx was refused')
  await taker.complete(again)
}
