import { DeleteMessageBatchCommand } from '@aws-sdk/client-sqs'
import type { SettleResult } from '@switchyard/core/adapter'
import { batchesOf, failuresOf, sideBySide } from './batches.ts'
import { entryError, saysLost, toBrokerError } from './errors.ts'
import type { Context } from './send.ts'

/** Deletes in batches of ten; one answer per receipt handle, in order. Deleting twice is the same as once. Never rejects. */
export async function deleteMessages(
  { calls, queues }: Context,
  order: {
    readonly queue: string
    readonly handles: readonly string[]
    readonly endsAt: number
    readonly doing: string
  },
): Promise<readonly SettleResult[]> {
  const { queue, handles, endsAt, doing } = order
  const call = { doing, queue, writes: true, endsAt }
  const results: SettleResult[] = handles.map(() => 'settled')
  const numbered = handles.map((handle, place) => ({ handle, place }))
  await sideBySide(
    batchesOf(numbered, () => 0),
    async (batch) => {
      try {
        const QueueUrl = await queues.url(queue, endsAt)
        const Entries = batch.map(({ handle }, number) => ({ Id: String(number), ReceiptHandle: handle }))
        const { Failed } = await calls.run(call, (abortSignal) =>
          calls.client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }), { abortSignal }),
        )
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
