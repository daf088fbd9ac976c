import type { Handler } from '../job/handler.ts'
import type { DrainReport } from '../worker/drain.ts'
import type { WorkOptions } from '../worker/work-options.ts'
import type { Yard } from '../yard.ts'

/** What `drain` saw. */
export interface Drained extends DrainReport {
  readonly completed: number
  readonly retried: number
  readonly dead: number
}

/** Runs everything that waits, in this process, until the queues are empty: for tests. */
export async function drain<Tx>(
  yard: Yard<Tx>,
  handlers: readonly Handler[],
  options: WorkOptions = {},
): Promise<Drained> {
  const counts = { completed: 0, retried: 0, dead: 0 }
  const count = (what: keyof typeof counts) => {
    counts[what] += 1
  }
  const stops = [
    yard.on('job.completed', () => count('completed')),
    yard.on('job.retried', () => count('retried')),
    yard.on('job.dead', () => count('dead')),
  ]
  try {
    const worker = await yard.work(handlers, options)
    return { ...(await worker.drain()), ...counts }
  } finally {
    for (const stop of stops) stop()
  }
}
