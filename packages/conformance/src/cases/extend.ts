import type { Delivery } from '@switchyard/core/adapter'
import { systemClock } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { check, later, same, word } from '../check.ts'
import { identitiesOf, letters } from '../letter.ts'
import type { Taker } from '../taker.ts'

/** Long enough that a busy machine renews in time. */
const LEASE_MS = 1_500

/** A26. Renewal is what lets a handler run longer than its lease. */
export const extend: Case = {
  id: 'A26',
  title: 'extend keeps a lease as long as it is called, and says the truth about one that is gone',
  async run(bench) {
    const leaseMs = Math.max(bench.shortLeaseMs, Math.min(LEASE_MS, bench.capabilities.maxLeaseMs.value))
    const queue = await bench.queue({ leaseMs })
    await bench.send(queue, ...letters(2))
    const holder = await bench.taker(queue, { leaseMs })
    const held = await holder.take(2, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
    const [kept, witness] = held as [Delivery, Delivery]
    if (bench.capabilities.lease.value === 'timed') await outlives(bench, { queue, leaseMs, holder, kept, witness })
    else await holder.complete([witness])
    same((await holder.consumer.extend([kept])).map(word), ['settled'], 'extension of what is held')
    await holder.complete([kept])
    same((await holder.consumer.extend([kept])).map(word), ['lost'], 'extension of what was completed')
    same(identitiesOf(holder.lost).includes(identitiesOf([kept])[0] ?? ''), false, 'lost() was told about the one kept')
    await bench.empty(queue, 'after everything was completed')
  },
}

interface Scene {
  readonly queue: string
  readonly leaseMs: number
  readonly holder: Taker
  readonly kept: Delivery
  readonly witness: Delivery
}

/** The witness was leased with it and is not extended: when it has lapsed twice, so would the other have. */
async function outlives(bench: Bench, { queue, leaseMs, holder, kept, witness }: Scene): Promise<void> {
  const stop = new AbortController()
  let refusal: string | null = null
  const renewing = later(
    (async () => {
      while (!stop.signal.aborted) {
        await systemClock.sleep(leaseMs / 3, stop.signal)
        const [answer] = await holder.consumer.extend([kept])
        if (answer !== 'settled') refusal ??= answer === undefined ? 'nothing' : word(answer)
      }
    })(),
  )
  try {
    let last: Taker | undefined
    for (const time of ['first', 'second']) {
      const taker = await bench.taker(queue, { leaseMs, adapter: await bench.open() })
      const got = await taker.take(1, { withinMs: bench.waits.lapse(leaseMs), what: `the witness, ${time} lapse` })
      same(identitiesOf(got), identitiesOf([witness]), `what lapsed while the other one was extended (${time} lapse)`)
      last = taker
      if (time === 'second') await taker.complete(got)
    }
    const more = await last?.during(bench.waits.quietMs)
    same(identitiesOf(more ?? []), [], 'what came although it was extended')
  } finally {
    stop.abort()
    await renewing
  }
  check(refusal === null, `an extension in time was answered ${refusal}`)
}
