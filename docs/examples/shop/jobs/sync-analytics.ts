import { defineJob, exponential } from '@switchyard/core'
import { z } from 'zod'
import { QUEUES } from './queue-names.ts'

/** One batch of events for the analytics service. */
export const syncAnalytics = defineJob({
  name: 'sync-analytics',
  queue: QUEUES.bulk,
  payload: z.object({
    batchId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    events: z
      .array(z.object({ name: z.string().min(1).max(64), customer: z.string().max(64), cents: z.number().int() }))
      .min(1)
      .max(500),
  }),
  key: (batch) => `analytics:${batch.batchId}`,
  // The service is down for maintenance now and then, and nobody minds if numbers come an hour late.
  retry: { maxAttempts: 10, backoff: exponential({ baseMs: 1_000, maxMs: 900_000 }) },
  timeoutMs: 30_000,
  tags: ['analytics'],
})
