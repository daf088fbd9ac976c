import type { Case } from '../case.ts'
import { NotApplicable } from '../case.ts'
import { check, same } from '../check.ts'
import { counted } from '../counted.ts'
import { letter, letters } from '../letter.ts'

/** A39. */
export const stats: Case = {
  id: 'A39',
  title: 'counts that say they are exact follow a message through every state, and the age of the oldest is one',
  async run(bench) {
    const [queue, other] = [await bench.queue(), await bench.queue()]
    const first = await bench.adapter.stats(queue)
    const figures = [first.ready, first.leased, first.delayed]
    if (!figures.some((figure) => figure?.exact === true)) throw new NotApplicable('no figure says that it is exact')
    await counted(bench, queue, { ready: 0, leased: 0, delayed: 0 })
    const sent = letters(5)
    await bench.send(queue, ...sent)
    await counted(bench, queue, { ready: 5, leased: 0, delayed: 0 })
    const { oldestReadyMs } = await bench.adapter.stats(queue)
    if (oldestReadyMs !== null)
      check(
        oldestReadyMs.value >= 0 && oldestReadyMs.value < 60_000,
        `oldestReadyMs of messages just sent is ${oldestReadyMs.value}`,
      )
    const taker = await bench.taker(queue)
    const held = await taker.take(5, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
    await counted(bench, queue, { ready: 0, leased: 5, delayed: 0 })
    const [a, b, c, d, e] = held
    if (a === undefined || b === undefined || c === undefined || d === undefined || e === undefined) return
    const delayMs = Math.min(60_000, bench.capabilities.maxReleaseDelayMs.value)
    await taker.settled(
      [
        { kind: 'complete', delivery: a },
        { kind: 'retry', delivery: b, delayMs: 0 },
        { kind: 'release', delivery: c, delayMs },
        { kind: 'move', delivery: d, to: other, message: letter() },
      ],
      'one of each',
    )
    const delayed = delayMs > 0 ? 1 : 0
    await counted(bench, queue, { ready: 2 - delayed, leased: 1, delayed })
    await counted(bench, other, { ready: 1, leased: 0, delayed: 0 })
    await taker.consumer.close()
    await counted(bench, queue, { ready: 3 - delayed, leased: 0, delayed })
    same((await bench.adapter.stats(other)).leased?.value ?? 0, 0, 'leased in the other queue')
  },
}
