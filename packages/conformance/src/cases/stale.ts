import type { Delivery, Settlement } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { same, word } from '../check.ts'
import { identitiesOf, letter, letters } from '../letter.ts'
import type { Taker } from '../taker.ts'

/** A7. The fence: who no longer holds the lease changes nothing. */
export const stale: Case = {
  id: 'A7',
  title: 'a settlement or extension whose lease has ended answers lost and changes nothing',
  async run(bench) {
    const [queue, other] = [await bench.queue({ leaseMs: bench.shortLeaseMs }), await bench.queue()]
    await settledTwice(bench, queue, other)
    const sent = letters(5)
    await bench.send(queue, ...sent)
    const former = await bench.taker(queue, { leaseMs: bench.shortLeaseMs })
    const held = await former.take(5, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
    if (bench.capabilities.lease.value === 'connection') await bench.hook('cut')()
    const owner = await bench.taker(queue, { adapter: await bench.open() })
    const owned = await owner.take(5, { withinMs: bench.waits.lapse(bench.shortLeaseMs), what: 'what lapsed' })
    same(identitiesOf(owned).sort(), sent.map(({ id }) => id).sort(), 'lapsed to the new owner')

    await lost(former, staleSettlements(held, other), 'stale settlement')
    const last = held[4]
    if (last !== undefined) same((await former.consumer.extend([last])).map(word), ['lost'], 'stale extension')
    await bench.empty(other, 'the queue that a stale move named')
    await bench.empty(queue, 'while the new owner holds all five')
    same(
      (await owner.consumer.extend(owned)).map(word),
      owned.map(() => 'settled'),
      'the owner extends',
    )
    await owner.complete(owned)
    await bench.empty(queue, 'after the owner completed all five')
  },
}

function staleSettlements(held: readonly Delivery[], to: string): Settlement[] {
  const kinds = ['complete', 'retry', 'release', 'move'] as const
  return kinds.flatMap((kind, index): Settlement[] => {
    const delivery = held[index]
    if (delivery === undefined) return []
    if (kind === 'complete') return [{ kind, delivery }]
    return [kind === 'move' ? { kind, delivery, to, message: letter() } : { kind, delivery, delayMs: 0 }]
  })
}

/** The lease has also ended when it was settled: needs no lapse, so that it is checked on every broker. */
async function settledTwice(bench: Bench, queue: string, other: string): Promise<void> {
  await bench.send(queue, ...letters(2))
  const taker = await bench.taker(queue, { leaseMs: bench.longLeaseMs })
  const [one, two] = await taker.take(2, { withinMs: bench.waits.arrivalMs, what: 'two to settle twice' })
  if (one === undefined || two === undefined) return
  await taker.settled(
    [
      { kind: 'complete', delivery: one },
      { kind: 'retry', delivery: two, delayMs: 0 },
    ],
    'first time',
  )
  await lost(taker, staleSettlements([one, two, one, two], other), 'settled before')
  const [again] = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'the one that was retried' })
  if (again === undefined) return
  await lost(taker, [{ kind: 'complete', delivery: two }], 'settled before, and leased again since')
  await taker.complete([again])
  await bench.empty(other, 'the queue that a second settlement named')
  await bench.empty(queue, 'after one was completed twice and one retried twice')
}

async function lost(taker: Taker, settlements: readonly Settlement[], what: string): Promise<void> {
  for (const settlement of settlements) {
    const results = await taker.consumer.settle([settlement])
    same(results.map(word), ['lost'], `${what}: ${settlement.kind}`)
  }
}
