import { BrokerError, systemClock } from '@switchyard/core/adapter'
import type { Case } from '../case.ts'
import { NotApplicable } from '../case.ts'
import { check, same, word } from '../check.ts'
import { letter } from '../letter.ts'

const WINDOW_MS = 1_000

/** A42. */
export const dedupeWindow: Case = {
  id: 'A42',
  title: 'a completed id is remembered for dedupeMs, no shorter, and is welcome again afterwards',
  async run(bench) {
    if (bench.capabilities.dedupe.value !== 'window') throw new NotApplicable('dedupe is not a window')
    const queue = await bench.queue({ dedupeMs: WINDOW_MS }).catch((error: unknown) => {
      if (error instanceof BrokerError && error.code === 'unsupported')
        throw new NotApplicable(`the window cannot be ${WINDOW_MS} ms: ${error.message}`)
      throw error
    })
    const one = letter()
    await bench.send(queue, one)
    const taker = await bench.taker(queue)
    const got = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'the first' })
    const before = systemClock.now()
    await taker.complete(got)
    const deadline = systemClock.now() + WINDOW_MS + bench.waits.lateMs + bench.waits.arrivalMs
    // The answer does not tell on every adapter; whether it comes out does.
    for (;;) {
      const answers = (await bench.adapter.send(queue, [one])).map(word)
      const askedAt = systemClock.now()
      const again = await taker.during(bench.waits.quietMs, 1)
      if (again.length > 0) {
        same(answers, ['accepted'], 'the answer to the id that was welcome again')
        const early = WINDOW_MS - (askedAt - before)
        check(early <= 2, `the id was forgotten ${early} ms before its window of ${WINDOW_MS} ms ended`)
        return taker.complete(again)
      }
      check(systemClock.now() < deadline, `the id is still refused although its window of ${WINDOW_MS} ms is over`)
    }
  },
}
