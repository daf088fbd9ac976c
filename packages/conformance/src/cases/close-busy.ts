import type { Delivery, SendResult, SettleResult } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import type { Case } from '../case.ts'
import { check, later, same } from '../check.ts'
import { identitiesOf, identityOf, letters } from '../letter.ts'
import { limited } from '../limited.ts'

/** A32. Deployments close under load. */
export const closeBusy: Case = {
  id: 'A32',
  title: 'close amid sends, settlements and a waiting receive ends each of them, and every answer given stays true',
  async run(bench) {
    const queue = await bench.queue()
    const idle = await bench.queue()
    const busy = await bench.open()
    const before = letters(20)
    await bench.send(queue, ...before)
    const worker = await bench.taker(queue, { adapter: busy })
    const held = await worker.take(20, { withinMs: bench.waits.arrivalMs, what: 'what was sent' })
    const waiting = await bench.taker(idle, { adapter: busy })
    const during = letters(40)
    const receiving = later(waiting.consumer.receive(1, new AbortController().signal))
    const settling = later(worker.consumer.settle(held.map((delivery) => ({ kind: 'complete', delivery }))))
    const sending = later(busy.send(queue, during))
    const closing = later(busy.close())
    const { arrivalMs } = bench.waits
    const what = `close amid calls: one of them did not end within ${2 * arrivalMs} ms`
    const [received, settled, sent] = await limited(
      Promise.allSettled([receiving, settling, sending, closing]),
      2 * arrivalMs,
      what,
    )
    if (received.status === 'fulfilled') same(received.value, [], 'a receive that waited')
    else typed(received.reason, 'the waiting receive')
    const answers = answersOf<SettleResult>(settled, held.length, 'settle')
    const sends = answersOf<SendResult>(sent, during.length, 'send')

    const done = new Set(held.filter((_, index) => answers[index] === 'settled').map(identityOf))
    const mustCome = new Set([
      ...held.filter((_, index) => isFree(answers[index])).map(identityOf),
      ...during.filter((_, index) => sends[index] === 'accepted').map(({ id }) => id),
    ])
    const mayCome = new Set([...before, ...during].map(({ id }) => id).filter((id) => !done.has(id)))
    bench.fact('settled and accepted amid close', `${done.size} and ${mustCome.size}`)
    const taker = await bench.taker(queue)
    const came: Delivery[] = []
    while (![...mustCome].every((id) => came.some((one) => identityOf(one) === id)))
      came.push(
        ...(await taker.take(1, { withinMs: arrivalMs, what: `what was accepted or not settled (${mustCome.size})` })),
      )
    came.push(...(await taker.during(bench.waits.quietMs)))
    const ids = identitiesOf(came)
    same(new Set(ids).size, ids.length, 'distinct messages after close')
    for (const id of ids) check(mayCome.has(id), `${id} came back although its completion was answered settled`)
    await taker.complete(came)
    await bench.empty(queue, 'after everything was completed')
  },
}

/** Lost, or refused and certainly not applied: it must come back. */
function isFree(answer: SettleResult | undefined): boolean {
  return answer === 'lost' || (answer instanceof BrokerError && !answer.maybeApplied)
}

function answersOf<Answer>(
  outcome: PromiseSettledResult<readonly Answer[]>,
  count: number,
  what: string,
): readonly (Answer | BrokerError)[] {
  if (outcome.status === 'fulfilled') {
    same(outcome.value.length, count, `answers of ${what} amid close`)
    return outcome.value
  }
  const error = typed(outcome.reason, what)
  return Array.from({ length: count }, () => error)
}

function typed(error: unknown, what: string): BrokerError {
  check(error instanceof BrokerError, `${what} amid close rejected with ${String(error)} instead of a BrokerError`)
  return error
}
