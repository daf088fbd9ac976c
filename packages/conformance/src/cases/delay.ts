import { systemClock } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { check, refused, same } from '../check.ts'
import { identitiesOf, letter } from '../letter.ts'

/** Host clock and broker clock are both whole milliseconds on one machine: each may round by one. */
const ROUNDING_MS = 2

/** A10. */
export const delay: Case = {
  id: 'A10',
  title: 'a delay on send, retry or release is never cut short and late by the declared grain at most',
  async run(bench) {
    const { delayGrainMs, maxDelayMs, maxReleaseDelayMs } = bench.capabilities
    const queue = await bench.queue()
    const delayMs = Math.min(Math.max(300, 2 * delayGrainMs.value), Math.max(maxDelayMs.value, maxReleaseDelayMs.value))
    if (maxDelayMs.value > 0) await onSend(bench, queue, delayMs)
    if (maxReleaseDelayMs.value > 0) await onSettle(bench, queue, delayMs)
    if (maxDelayMs.value < Number.MAX_SAFE_INTEGER) {
      const beyond = letter({ delayMs: maxDelayMs.value + 1 })
      await refused(bench.adapter.send(queue, [beyond]), ['unsupported', 'invalid'], 'a delay above maxDelayMs')
      await bench.empty(queue, 'after a delay was refused')
    }
  },
}

/** The short one is sent after the long one, so that a queue which only looks at its head is found out. */
async function onSend(bench: Bench, queue: string, delayMs: number): Promise<void> {
  const long = letter({ delayMs: Math.min(delayMs * 200, bench.capabilities.maxDelayMs.value) })
  const [short, now] = [letter({ delayMs }), letter()]
  await bench.send(queue, long)
  const before = systemClock.now()
  await bench.send(queue, short)
  const after = systemClock.now()
  await bench.send(queue, now)
  const taker = await bench.taker(queue)
  const first = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: 'the message without a delay' })
  same(identitiesOf(first), [now.id], 'delivered first')
  const second = await taker.take(1, { withinMs: delayMs + bench.waits.arrivalMs, what: 'the delayed message' })
  const at = systemClock.now()
  same(identitiesOf(second), [short.id], 'delivered second (the third is due much later)')
  punctual(bench, 'send', { delayMs, before, after, at })
  await taker.complete([...first, ...second])
  await taker.consumer.close()
}

async function onSettle(bench: Bench, queue: string, delayMs: number): Promise<void> {
  for (const kind of ['retry', 'release'] as const) {
    const one = letter()
    await bench.send(queue, one)
    const taker = await bench.taker(queue)
    const got = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: `the message to ${kind}` })
    const before = systemClock.now()
    await taker.settled(
      got.map((delivery) => ({ kind, delivery, delayMs })),
      kind,
    )
    const after = systemClock.now()
    const again = await taker.take(1, { withinMs: delayMs + bench.waits.arrivalMs, what: `the delayed ${kind}` })
    const at = systemClock.now()
    same(identitiesOf(again), [one.id], `after a delayed ${kind}`)
    punctual(bench, kind, { delayMs, before, after, at })
    await taker.complete(again)
    await taker.consumer.close()
  }
}

function punctual(
  bench: Bench,
  what: string,
  { delayMs, before, after, at }: { delayMs: number; before: number; after: number; at: number },
): void {
  bench.fact(`${what} late by ms`, at - after - delayMs)
  check(
    at - before >= delayMs - ROUNDING_MS,
    `${what}: delivered ${at - before} ms after the call, delay ${delayMs}: early`,
  )
  const late = at - after - delayMs
  check(
    late <= bench.waits.lateMs,
    `${what}: ${late} ms late, at most ${bench.waits.lateMs} (grain and a busy machine)`,
  )
}
