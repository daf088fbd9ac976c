import type { Message, SendResult } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { same, word } from '../check.ts'
import { identitiesOf, letter, letters } from '../letter.ts'

/** Longer than the case. */
const WINDOW_MS = 120_000

/** A16. */
export const duplicate: Case = {
  id: 'A16',
  title: 'a second send of one id is swallowed and told, or declared unknown',
  async run(bench) {
    const { dedupe, reportsDuplicates } = bench.capabilities
    const queue = await bench.queue({ dedupeMs: dedupe.value === 'window' ? WINDOW_MS : 0 })
    const swallowed = reportsDuplicates.value ? 'duplicate' : 'accepted'
    const second = dedupe.value === 'none' ? 'accepted' : swallowed
    const copies = dedupe.value === 'none' ? 2 : 1
    const [one, two] = letters(2) as [Message, Message]

    same(await answers(bench, queue, one), ['accepted'], 'first send')
    same(await answers(bench, queue, one), [second], 'second send of the same id')
    same(await answers(bench, queue, two, two), ['accepted', second], 'one id twice in one call')
    const taker = await bench.taker(queue)
    const take = { withinMs: bench.waits.arrivalMs, what: `${copies} of each, dedupe ${dedupe.value}` }
    const got = await taker.take(2 * copies, take)
    const expected = [one, two].flatMap(({ id }) => (copies === 2 ? [id, id] : [id]))
    same(identitiesOf(got).sort(), expected.sort(), take.what)
    await taker.complete(got)
    await taker.consumer.close()
    await bench.empty(queue, 'after everything was completed')

    const third = dedupe.value === 'window' ? swallowed : 'accepted'
    same(await answers(bench, queue, one), [third], `send again after completion, dedupe ${dedupe.value}`)
    if (dedupe.value !== 'window') {
      const again = await bench.taker(queue)
      const last = await again.take(1, { ...take, what: 'an id sent again after it was completed' })
      await again.complete(last)
      await again.consumer.close()
    }
    await bench.empty(queue, 'at the end')
    const elsewhere = await bench.queue({ dedupeMs: dedupe.value === 'window' ? WINDOW_MS : 0 })
    same(await answers(bench, elsewhere, one, letter()), ['accepted', 'accepted'], 'the same id in another queue')
  },
}

async function answers(bench: Bench, queue: string, ...messages: readonly Message[]): Promise<string[]> {
  const results: readonly SendResult[] = await bench.adapter.send(queue, messages)
  return results.map(word)
}
