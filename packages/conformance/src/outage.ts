import type { Delivery, Message, SendResult } from '@switchyard/core/adapter'
import { BrokerError, systemClock } from '@switchyard/core/adapter'
import type { Bench } from './bench.ts'
import { breath } from './breath.ts'
import { check, later, word } from './check.ts'
import { identitiesOf, identityOf, letter, letters } from './letter.ts'
import type { Taker } from './taker.ts'

/** Ten times what an outage case sends: no cause explains that. */
const FAR_TOO_MANY = 500

/** What an outage may explain. */
export interface OutageLaws {
  /** False: messages accepted before the outage may be gone (a restart of what survives nothing). */
  readonly keeps: boolean
}

/**
 * The shared body of the cut and restart clauses: leases three, strikes while a producer sends, and then holds the adapter to:
 * receive did not reject, everything accepted arrives, every second delivery has a cause, jobs flow in time.
 */
export async function outage(bench: Bench, strike: () => Promise<void>, { keeps }: OutageLaws): Promise<void> {
  const leaseMs = Math.max(bench.shortLeaseMs, Math.min(2_000, bench.capabilities.maxLeaseMs.value))
  const queue = await bench.queue({ leaseMs })
  const before = letters(6)
  await bench.send(queue, ...before)
  const taker = await bench.taker(queue, { leaseMs })
  const held = await taker.take(3, { withinMs: bench.waits.arrivalMs, what: 'what is held when the fault strikes' })

  const accepted = new Set(keeps ? before.map(({ id }) => id) : [])
  const doubtful = new Set(held.map(identityOf))
  const sent = new Set(before.map(({ id }) => id))
  const striking = later(strike())
  const during = letters(10)
  for (const message of during) {
    sent.add(message.id)
    const result = await attempt(bench, queue, message)
    if (result === 'accepted') accepted.add(message.id)
    else doubtful.add(message.id)
  }
  await striking
  const struckAt = systemClock.now()

  const answers = await taker.consumer.settle(held.map((delivery) => ({ kind: 'complete', delivery })))
  const completed = new Set<string>()
  for (const [index, answer] of answers.entries()) {
    const delivery = held[index]
    if (delivery !== undefined && answer === 'settled') completed.add(identityOf(delivery))
  }
  const probe = await sendUntilAccepted(bench, queue, sent, doubtful)
  accepted.add(probe.id)
  const seen = await drain(bench, taker, { awaited: accepted, done: completed, leaseMs, probe, struckAt })

  bench.fact('sends in doubt', doubtful.size - held.length)
  bench.fact('settle answers', answers.map(word).join(', '))
  bench.fact('faults reported', bench.faults.map(({ code }) => code).join(', '))
  // A run in which nothing bad happened proves nothing: the fault must have been noticed, and told.
  check(bench.faults.length > 0, 'no fault was reported to the host: the adapter hides it, or the hook did not strike')
  for (const [id, times] of seen) {
    check(sent.has(id), `delivered but never sent: ${id}`)
    check(times === 1 || doubtful.has(id), `${id} was delivered ${times} times although nothing about it was in doubt`)
    check(!completed.has(id), `${id} came back although its completion was answered settled`)
  }
  const told = new Set(identitiesOf(taker.lost))
  check(
    told.size === taker.lost.length,
    `lost() was told twice about a delivery: ${identitiesOf(taker.lost).join(', ')}`,
  )
  for (const id of told) check(!completed.has(id), `lost() was told about ${id}, which was settled`)
}

/** One send; a rejection counts as unknown, but it must be typed. */
async function attempt(bench: Bench, queue: string, message: Message): Promise<SendResult> {
  try {
    const [result] = await bench.adapter.send(queue, [message])
    return result ?? new BrokerError({ code: 'unknown', adapter: 'suite', message: 'send gave no result' })
  } catch (error) {
    check(error instanceof BrokerError, `send during an outage threw ${String(error)} instead of a BrokerError`)
    return error
  }
}

async function sendUntilAccepted(
  bench: Bench,
  queue: string,
  sent: Set<string>,
  doubtful: Set<string>,
): Promise<Message> {
  const until = systemClock.now() + bench.waits.recovery(0)
  for (;;) {
    const message = letter()
    sent.add(message.id)
    const result = await attempt(bench, queue, message)
    if (result === 'accepted') return message
    doubtful.add(message.id)
    const why = typeof result === 'string' ? result : result.message
    check(systemClock.now() < until, `no send was accepted within ${bench.waits.recovery(0)} ms of the fault: ${why}`)
    await systemClock.sleep(50)
  }
}

async function drain(
  bench: Bench,
  taker: Taker,
  parts: {
    readonly awaited: ReadonlySet<string>
    readonly done: ReadonlySet<string>
    readonly leaseMs: number
    readonly probe: Message
    readonly struckAt: number
  },
): Promise<Map<string, number>> {
  const { awaited, done, leaseMs, probe, struckAt } = parts
  const seen = new Map<string, number>()
  const missing = () => [...awaited].filter((id) => !seen.has(id) && !done.has(id))
  let total = 0
  const until = systemClock.now() + bench.waits.recovery(leaseMs)
  const takeSome = async (windowMs: number): Promise<readonly Delivery[]> => {
    const some = await taker.consumer.receive(10, AbortSignal.timeout(windowMs))
    await taker.consumer.settle(some.map((delivery) => ({ kind: 'complete', delivery })))
    total += some.length
    check(
      total <= FAR_TOO_MANY,
      `the same messages come again and again although they are completed: ${total} deliveries`,
    )
    await breath()
    for (const id of identitiesOf(some)) {
      seen.set(id, (seen.get(id) ?? 0) + 1)
      if (id === probe.id) bench.fact('flow again after ms', systemClock.now() - struckAt)
    }
    return some
  }
  while (missing().length > 0) {
    const left = until - systemClock.now()
    check(
      left > 0,
      `lost: accepted but not delivered within ${bench.waits.recovery(leaseMs)} ms: ${missing().join(', ')}`,
    )
    await takeSome(left)
  }
  while ((await takeSome(bench.waits.quietMs)).length > 0);
  bench.fact(
    'duplicates',
    [...seen.values()].reduce((sum, times) => sum + times - 1, 0),
  )
  return seen
}
