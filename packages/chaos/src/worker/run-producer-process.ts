import { setTimeout as sleep } from 'node:timers/promises'
import { type HistorySink, payloadDigest } from '@switchyard/conformance/history'
import { BrokerError, type Enqueued, EnqueueError, type Yard } from '@switchyard/core'
import type { WorkItem } from '../app/chaos-app.ts'
import type { ControlChannel } from './control-channel.ts'
import type { ChildMessage } from './control-messages.ts'
import { NUMBER_HEADER } from './execution-recorder.ts'

/** What a producer process of a run needs. */
export interface ProducerProcessOptions {
  readonly history: HistorySink & { close(): void }
  readonly control: ControlChannel
  readonly yard: Yard
  readonly items: readonly WorkItem[]
  /** Enqueues in flight at once. */
  readonly concurrency: number
  /** See ChildOrders. */
  readonly window: number | null
}

type Told = Omit<Extract<ChildMessage, { readonly t: 'enqueued' }>, 't' | 'n'>

/** So long is an enqueue repeated that a broker does not answer. */
const PATIENCE_MS = 90_000
const PAUSE_MS = 250

/**
 * Enqueues the whole workload, in order of its numbers, and writes each call down before it is made and after. What the broker
 * did not take for certain is enqueued again with the id that the error names, as a careful caller would; each try is on record.
 */
export async function runProducerProcess(options: ProducerProcessOptions): Promise<void> {
  const { control, history, items, window } = options
  let next = 0
  const lane = async (): Promise<void> => {
    for (let n = next++; n < items.length; n = next++) {
      if (window !== null) await control.done(n - window)
      control.tell({ t: 'enqueued', n, ...(await enqueueOne(options, n, items[n] as WorkItem)) })
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, lane))
  control.tell({ t: 'produced' })
  history.close()
}

async function enqueueOne(options: ProducerProcessOptions, n: number, item: WorkItem): Promise<Told> {
  const until = performance.now() + PATIENCE_MS
  let id: string | null = null
  for (;;) {
    const { told, again } = await tryOnce(options, { n, item, id })
    if (!again || performance.now() > until) return told
    id = told.job ?? id
    await sleep(PAUSE_MS)
  }
}

async function tryOnce(
  { history, yard }: ProducerProcessOptions,
  { n, item, id }: { readonly n: number; readonly item: WorkItem; readonly id: string | null },
): Promise<{ readonly told: Told; readonly again: boolean }> {
  const { job, payload, effects } = item
  const { name, queue } = job
  const digest = payloadDigest(payload)
  const { maxAttempts } = job.retry
  history.write({ kind: 'enqueue.invoke', n, job: id, name, queue, digest, effects, maxAttempts })
  try {
    const headers = { ...item.options?.headers, [NUMBER_HEADER]: String(n) }
    const known = id === null ? {} : { id }
    const { jobId, status }: Enqueued = await yard.enqueue(job, payload, { ...item.options, headers, ...known })
    history.write({ kind: 'enqueue.ok', n, job: jobId, duplicate: status === 'duplicate' })
    return { told: { job: jobId, result: 'ok' }, again: false }
  } catch (error) {
    // Everything that core throws before any I/O is definite; only an EnqueueError can have been applied.
    if (error instanceof EnqueueError && error.maybeApplied) {
      history.write({ kind: 'enqueue.unknown', n, job: error.jobId, error: error.message })
      return { told: { job: error.jobId, result: 'unknown' }, again: true }
    }
    history.write({ kind: 'enqueue.fail', n, error: String(error) })
    const outage = (error instanceof EnqueueError || error instanceof BrokerError) && error.retryable
    return { told: { job: error instanceof EnqueueError ? error.jobId : null, result: 'fail' }, again: outage }
  }
}
