import { type HistoryWriter, payloadDigest } from '@switchyard/conformance/history'
import { type Enqueued, EnqueueError, type Yard } from '@switchyard/core'
import type { WorkItem } from '../app/chaos-app.ts'
import type { ControlChannel } from './control-channel.ts'
import { NUMBER_HEADER } from './execution-recorder.ts'

/** What a producer process of a run needs. */
export interface ProducerProcessOptions {
  readonly history: HistoryWriter
  readonly control: ControlChannel
  readonly yard: Yard
  readonly items: readonly WorkItem[]
  /** Enqueues in flight at once. */
  readonly concurrency: number
}

/**
 * Enqueues the whole workload, in order of its numbers, and writes each call down before it is made and after. A call whose
 * outcome is unknown stays unknown: enqueueing again would be a decision of the user's, not of the harness.
 */
export async function runProducerProcess(options: ProducerProcessOptions): Promise<void> {
  const { control, history, items } = options
  let next = 0
  const lane = async (): Promise<void> => {
    for (let n = next++; n < items.length; n = next++) {
      control.tell({ t: 'enqueued', n, result: await enqueueOne(options, n, items[n] as WorkItem) })
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, lane))
  control.tell({ t: 'produced' })
  history.close()
}

async function enqueueOne(
  { history, yard }: ProducerProcessOptions,
  n: number,
  item: WorkItem,
): Promise<'ok' | 'fail' | 'unknown'> {
  const { job, payload, effects } = item
  const { name, queue } = job
  const digest = payloadDigest(payload)
  const { maxAttempts } = job.retry
  history.write({ kind: 'enqueue.invoke', n, job: null, name, queue, digest, effects, maxAttempts })
  try {
    const headers = { ...item.options?.headers, [NUMBER_HEADER]: String(n) }
    const { jobId, status }: Enqueued = await yard.enqueue(job, payload, { ...item.options, headers })
    history.write({ kind: 'enqueue.ok', n, job: jobId, duplicate: status === 'duplicate' })
    return 'ok'
  } catch (error) {
    // Everything that core throws before any I/O is definite; only an EnqueueError can have been applied.
    if (error instanceof EnqueueError && error.maybeApplied) {
      history.write({ kind: 'enqueue.unknown', n, job: error.jobId, error: error.message })
      return 'unknown'
    }
    history.write({ kind: 'enqueue.fail', n, error: String(error) })
    return 'fail'
  }
}
