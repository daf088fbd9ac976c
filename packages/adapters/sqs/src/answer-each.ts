import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs'
import type { SettleResult } from '@switchyard/core/adapter'
import { batchesOf, failuresOf, sideBySide } from './batches.ts'
import { entryError, saysLost, toBrokerError } from './errors.ts'
import type { Context } from './send.ts'

/** What a batch of settlements is about. */
export interface BatchOrder {
  readonly queue: string
  readonly endsAt: number
  readonly doing: string
}

/** One native request for at most ten items, answering with the entries that failed. */
export type BatchRequest<Item> = (
  QueueUrl: string,
  items: readonly Item[],
  abortSignal: AbortSignal,
) => Promise<{ readonly Failed?: BatchResultErrorEntry[] | undefined }>

/** Sends items in batches of ten; one answer per item, in order. Entries are numbered within their batch. Never rejects. */
export async function answerEach<Item>(
  { calls, queues }: Context,
  { queue, endsAt, doing }: BatchOrder,
  items: readonly Item[],
  request: BatchRequest<Item>,
): Promise<readonly SettleResult[]> {
  const call = { doing, queue, writes: true, endsAt }
  const results: SettleResult[] = items.map(() => 'settled')
  const numbered = items.map((item, place) => ({ item, place }))
  await sideBySide(
    batchesOf(numbered, () => 0),
    async (batch) => {
      try {
        const QueueUrl = await queues.url(queue, endsAt)
        const entries = batch.map(({ item }) => item)
        const { Failed } = await calls.run(call, (abortSignal) => request(QueueUrl, entries, abortSignal))
        for (const [number, failure] of failuresOf(Failed)) {
          const place = batch[number]?.place
          if (place !== undefined) results[place] = saysLost(failure) ? 'lost' : entryError(failure, call)
        }
      } catch (error) {
        for (const { place } of batch) results[place] = toBrokerError(error, call)
      }
    },
  )
  return results
}
