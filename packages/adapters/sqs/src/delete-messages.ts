import { DeleteMessageBatchCommand } from '@aws-sdk/client-sqs'
import type { SettleResult } from '@switchyard/core/adapter'
import { answerEach, type BatchOrder } from './answer-each.ts'
import type { Context } from './send.ts'

/** Deletes in batches of ten; one answer per receipt handle, in order. Deleting twice is the same as once. Never rejects. */
export function deleteMessages(
  context: Context,
  order: BatchOrder & { readonly handles: readonly string[] },
): Promise<readonly SettleResult[]> {
  return answerEach(context, order, order.handles, (QueueUrl, handles, abortSignal) => {
    const Entries = handles.map((handle, number) => ({ Id: String(number), ReceiptHandle: handle }))
    return context.calls.client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }), { abortSignal })
  })
}
