import { type HistorySink, recordAdapter } from '@switchyard/conformance/history'
import type { Handler, WorkQueueOptions, Yard } from '@switchyard/core'
import type { AdapterFactory } from '@switchyard/core/adapter'
import type { ControlChannel } from './control-channel.ts'
import { ExecutionRecorder, readEnvelope } from './execution-recorder.ts'
import { patiently } from './patiently.ts'

/** What a worker process of a run needs; the yard is opened by the caller, through the factory that it is given back. */
export interface WorkerProcessOptions {
  readonly history: HistorySink & { close(): void }
  readonly control: ControlChannel
  readonly factory: AdapterFactory
  /** Opens the yard on the recorded adapter. */
  connect(recorded: AdapterFactory): Promise<Yard>
  readonly handlers: readonly Handler[]
  readonly queues: Readonly<Record<string, WorkQueueOptions>>
  readonly concurrency: number
  readonly stopGraceMs: number
  readonly abortGraceMs: number
  /** Resolves when it is told to stop. */
  readonly asked: Promise<void>
}

/**
 * Works until it is asked to stop, writing down everything that the oracles need; then stops gracefully and resolves. Whoever kills the
 * process loses nothing that was written.
 */
export async function runWorkerProcess(options: WorkerProcessOptions): Promise<void> {
  const { history, control, handlers, queues, concurrency, stopGraceMs, abortGraceMs } = options
  const executions = new ExecutionRecorder(history, control)
  const recorded = recordAdapter(options.factory, {
    history,
    jobOf: (body) => readEnvelope(body)?.job ?? null,
    delivered: ({ lease, job, body }) => {
      if (job !== null) executions.delivered({ lease, job, digest: readEnvelope(body)?.digest ?? null })
    },
    settled: ({ job, ...told }) => {
      if (job !== null) control.tell({ t: 'settled', job, ...told })
    },
    forgeRenewal: (lease) => executions.forges(lease),
  })
  history.write({ kind: 'worker.start', pid: process.pid, concurrency })
  const id = `${history.proc}.${history.epoch}`
  const middleware = [executions.middleware]
  const yard = await patiently(async () => {
    const opened = await options.connect(recorded)
    try {
      await opened.work(handlers, { id, queues, concurrency, middleware, stopGraceMs, abortGraceMs })
      return opened
    } catch (error) {
      await opened.close()
      throw error
    }
  })
  yard.on('worker.stopping', () => void history.write({ kind: 'worker.stopping' }))
  control.tell({ t: 'ready' })
  await options.asked
  await yard.close()
  history.write({ kind: 'worker.stop', open: executions.open })
  history.close()
  control.close()
}
