import { ChangeMessageVisibilityBatchCommand } from '@aws-sdk/client-sqs'
import type { SettleResult } from '@switchyard/core/adapter'
import { answerEach, type BatchOrder } from './answer-each.ts'
import type { Context } from './send.ts'

/** A received message and how long nobody shall see it from now on. */
export interface Change {
  readonly handle: string
  readonly seconds: number
}

/** Changes visibility in batches of ten; one answer per change, in order. Never rejects. */
export function changeVisibility(
  context: Context,
  order: BatchOrder & { readonly changes: readonly Change[] },
): Promise<readonly SettleResult[]> {
  return answerEach(context, order, order.changes, (QueueUrl, changes, abortSignal) => {
    const Entries = changes.map(({ handle, seconds }, number) => ({
      Id: String(number),
      ReceiptHandle: handle,
      VisibilityTimeout: seconds,
    }))
    return context.calls.client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }), { abortSignal })
  })
}
