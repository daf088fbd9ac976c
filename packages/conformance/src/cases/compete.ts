import type { Delivery } from '@switchyard/core/adapter'
import type { Case } from '../case.ts'
import { check } from '../check.ts'
import { identitiesOf, letters } from '../letter.ts'
import type { Taker } from '../taker.ts'

/** A24. */
export const compete: Case = {
  id: 'A24',
  title: 'of several producers and consumers at work at once, each message comes from one and goes to one',
  async run(bench) {
    const queue = await bench.queue()
    const other = await bench.open()
    const takers = [
      await bench.taker(queue),
      await bench.taker(queue),
      await bench.taker(queue, { adapter: other }),
      await bench.taker(queue, { adapter: other }),
    ]
    const calls = Array.from({ length: 24 }, () => letters(5))
    const sent = new Set(calls.flat().map(({ id }) => id))
    const seen = new Map<string, number>()
    const stop = new AbortController()
    const note = (batch: readonly Delivery[]) => {
      for (const id of identitiesOf(batch)) seen.set(id, (seen.get(id) ?? 0) + 1)
      if (seen.size >= sent.size) stop.abort()
    }
    const working = takers.map((taker) =>
      work(taker, note, AbortSignal.any([stop.signal, patience(bench.waits.arrivalMs)])),
    )
    const sending = calls.map(async (call, index) => {
      const answers = await (index % 2 === 0 ? bench.adapter : other).send(queue, call)
      check(
        answers.length === 5 && answers.every((answer) => answer === 'accepted'),
        `one of 24 sends at once: expected 5 x accepted, saw ${answers.map(String).join(', ')}`,
      )
    })
    await Promise.all([...sending, ...working])
    const missing = [...sent].filter((id) => !seen.has(id))
    check(missing.length === 0, `${missing.length} of ${sent.size} never came, e.g. ${missing[0]}`)
    for (const [id, times] of seen) {
      check(sent.has(id), `delivered but never sent: ${id}`)
      check(times === 1, `${id} came ${times} times, to consumers that worked at once`)
    }
    for (const { consumer } of takers) await consumer.close()
    await bench.empty(queue, 'after everything was completed')
  },
}

function patience(ms: number): AbortSignal {
  return AbortSignal.timeout(2 * ms)
}

async function work(taker: Taker, note: (batch: readonly Delivery[]) => void, signal: AbortSignal): Promise<void> {
  for (;;) {
    const batch = await taker.consumer.receive(7, signal)
    await taker.complete(batch)
    note(batch)
    if (signal.aborted) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}
