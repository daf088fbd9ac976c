import type { WorkQueueOptions } from '@switchyard/core'
import { QUEUES } from './queue-names.ts'

/** How one worker serves the queues: weights decide when all have work, concurrency bounds what each may take. */
export const shopQueues: Readonly<Record<string, WorkQueueOptions>> = {
  [QUEUES.realtime]: { concurrency: 10, weight: 6 },
  [QUEUES.default]: { concurrency: 10, weight: 3 },
  [QUEUES.bulk]: { concurrency: 4, weight: 1 },
  [QUEUES.reports]: { concurrency: 1, weight: 1 },
}
