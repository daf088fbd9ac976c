import type { QueueOptions } from '@switchyard/core'
import type { ChaosApp } from '../app/chaos-app.ts'

/** Leases are short in a run: one that never crosses a lease proves nothing. */
export function scaledQueues(app: ChaosApp, leaseMs: number): Record<string, QueueOptions> {
  return Object.fromEntries(app.jobs.map((job) => [job.queue, { leaseMs }]))
}
