import type { Delivery } from '@switchyard/core/adapter'
import { systemClock } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import { breath } from '../breath.ts'
import type { Case } from '../case.ts'
import { check, later } from '../check.ts'
import { identitiesOf, letter } from '../letter.ts'

const ABORTS = 300

/** A15. Thirty of thirty aborted SQS polls hid a job (seam.md 4): the trap that every polling adapter falls into. */
export const aborts: Case = {
  id: 'A15',
  title: '300 aborts of an idle receive, raced against a producer, lose nothing, double nothing, and end in time',
  async run(bench) {
    const queue = await bench.queue()
    const taker = await bench.taker(queue)
    const seen = new Map<string, number>()
    const count = async (batch: readonly Delivery[]) => {
      for (const id of identitiesOf(batch)) seen.set(id, (seen.get(id) ?? 0) + 1)
      await taker.complete(batch)
    }
    const sent = new Set<string>()
    const sends: Promise<void>[] = []
    for (let round = 0; round < ABORTS; round += 1) {
      const abort = new AbortController()
      const receiving = later(taker.consumer.receive(5, abort.signal))
      const message = letter()
      sent.add(message.id)
      // Abort before, with and a few milliseconds after the send.
      if (round % 3 === 0) abort.abort()
      sends.push(later(bench.send(queue, message)))
      if (round % 3 === 1) abort.abort()
      else await systemClock.sleep(round % 5)
      abort.abort()
      await count(await inTime(bench, receiving, round))
      if (sends.length >= 20) await Promise.all(sends.splice(0))
    }
    await Promise.all(sends)
    const aborted = await taker.consumer.receive(5, AbortSignal.abort())
    await count(aborted)
    const until = systemClock.now() + bench.waits.arrivalMs
    while (seen.size < sent.size) {
      const missing = [...sent].filter((id) => !seen.has(id))
      const left = until - systemClock.now()
      check(left > 0, `lost by aborting: ${missing.length} of ${ABORTS}, e.g. ${missing[0]}`)
      await count(await taker.consumer.receive(50, AbortSignal.timeout(left)))
      await breath()
    }
    const more = await taker.during(bench.waits.quietMs)
    check(more.length === 0, `delivered again after completion: ${identitiesOf(more).join(', ')}`)
    for (const [id, times] of seen) {
      check(sent.has(id), `delivered but never sent: ${id}`)
      check(times === 1, `doubled by aborting: ${id} came ${times} times`)
    }
    await taker.consumer.close()
    await bench.empty(queue, 'after all were completed')
  },
}

/** A timer set at the abort and one turn of the event loop: a stalled machine delays both alike. */
async function inTime(
  bench: Bench,
  receiving: Promise<readonly Delivery[]>,
  round: number,
): Promise<readonly Delivery[]> {
  const { abortMs } = bench.waits
  const late = systemClock.sleep(abortMs).then(() => breath().then(() => 'late' as const))
  const first = await Promise.race([receiving, late])
  check(first !== 'late', `receive was still waiting ${abortMs} ms after abort number ${round + 1}`)
  return first
}
