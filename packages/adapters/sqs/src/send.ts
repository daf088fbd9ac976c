import { SendMessageBatchCommand } from '@aws-sdk/client-sqs'
import { BrokerError, type Clock, type Message, type SendResult } from '@switchyard/core/adapter'
import { batchesOf, failuresOf, sideBySide } from './batches.ts'
import type { Calls } from './calls.ts'
import { ADAPTER, entryError, toBrokerError } from './errors.ts'
import type { Settings } from './options.ts'
import type { Queues } from './queues.ts'
import { type Entry, refusalOf, toEntry } from './wire.ts'

/** What the parts of one open adapter share. */
export interface Context {
  readonly calls: Calls
  readonly queues: Queues
  readonly settings: Settings
}

/** Stores messages; one answer per message. Rejects when nothing was tried: closed, or no such queue. */
export async function send(
  context: Context,
  queue: string,
  messages: readonly Message[],
): Promise<readonly SendResult[]> {
  const { calls, queues, settings } = context
  calls.assertOpen({ doing: 'send', queue })
  const { clock, callDeadlineMs } = calls.host
  const endsAt = clock.now() + callDeadlineMs
  await queues.url(queue, endsAt)
  const results: SendResult[] = messages.map(
    (message) => refusalOf(message, { queue, fifo: settings.fifo }) ?? 'accepted',
  )
  const good = messages.flatMap((message, place) =>
    results[place] === 'accepted'
      ? [{ place, ...toEntry(message, { fifo: settings.fifo, dedupeId: nonce(clock) }) }]
      : [],
  )
  const answers = await sendEntries(context, { queue, entries: good, endsAt, doing: 'send' })
  for (const [index, { place }] of good.entries()) results[place] = answers[index] ?? unanswered(queue)
  return results
}

/** Sends entries of one queue in batches; FIFO batches one after the other, so that the order stays. Never rejects. */
export async function sendEntries(
  { calls, queues, settings }: Context,
  parcel: {
    readonly queue: string
    readonly entries: readonly Entry[]
    readonly endsAt: number
    readonly doing: string
  },
): Promise<readonly ('accepted' | BrokerError)[]> {
  const { queue, entries, endsAt, doing } = parcel
  const call = { doing, queue, writes: true, endsAt }
  const results: ('accepted' | BrokerError)[] = entries.map(() => unanswered(queue))
  const numbered = entries.map((one, place) => ({ ...one, place }))
  const sendBatch = async (batch: readonly (Entry & { readonly place: number })[]): Promise<void> => {
    try {
      const QueueUrl = await queues.url(queue, endsAt)
      const Entries = batch.map(({ entry }, number) => ({ ...entry, Id: String(number) }))
      const { Failed, Successful } = await calls.run(call, (abortSignal) =>
        calls.client.send(new SendMessageBatchCommand({ QueueUrl, Entries }), { abortSignal }),
      )
      const failures = failuresOf(Failed)
      const stored = new Set(Successful?.map(({ Id }) => Id))
      for (const [number, { place }] of batch.entries()) {
        const failure = failures.get(number)
        if (failure !== undefined) results[place] = entryError(failure, call)
        else if (stored.has(String(number))) results[place] = 'accepted'
      }
    } catch (error) {
      const fault = toBrokerError(error, call)
      if (fault.code === 'not-found') queues.forget(queue)
      for (const { place } of batch) results[place] = fault
    }
  }
  const batches = batchesOf(numbered, ({ bytes }) => bytes)
  await sideBySide(batches, sendBatch, settings.fifo ? 1 : undefined)
  return results
}

/** FIFO wants an id to dedupe by; one per send, because what it swallowed would be answered like a stored one. */
function nonce(clock: Clock): string {
  return Buffer.from(clock.randomBytes(16)).toString('hex')
}

function unanswered(queue: string): BrokerError {
  const message = 'the server said nothing about this message'
  return new BrokerError({ code: 'unknown', adapter: ADAPTER, queue, message, maybeApplied: true })
}
