import { ChangeMessageVisibilityBatchCommand } from '@aws-sdk/client-sqs'
import type { SettleResult } from '@switchyard/core/adapter'
import { batchesOf, failuresOf, sideBySide } from './batches.ts'
import { entryError, saysLost, toBrokerError } from './errors.ts'
import type { Context } from './send.ts'

/** A received message and how long nobody shall see it from now on. */
export interface Change {
  readonly handle: string
  readonly seconds: number
}

/** Changes visibility in batches of ten; one answer per change, in order. Never rejects. */
export async function changeVisibility(
  { calls, queues }: Context,
  order: {
    readonly queue: string
    readonly changes: readonly Change[]
    readonly endsAt: number
    readonly doing: string
  },
): Promise<readonly SettleResult[]> {
  const { queue, changes, endsAt, doing } = order
  const call = { doing, queue, writes: true, endsAt }
  const results: SettleResult[] = changes.map(() => 'settled')
  const numbered = changes.map((change, place) => ({ ...change, place }))
  await sideBySide(
    batchesOf(numbered, () => 0),
    async (batch) => {
      try {
        const QueueUrl = await queues.url(queue, endsAt)
        const Entries = batch.map(({ handle, seconds }, number) => ({
          Id: String(number),
          ReceiptHandle: handle,
          VisibilityTimeout: seconds,
        }))
        const { Failed } = await calls.run(call, (abortSignal) =>
          calls.client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }), { abortSignal }),
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
