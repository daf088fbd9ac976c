import { defineJob, exponential } from '@switchyard/core'
import { z } from 'zod'
import { QUEUES } from './queue-names.ts'

/** A payment that the provider told us about; the receiver has checked its signature. */
export const recordPayment = defineJob({
  name: 'record-payment',
  queue: QUEUES.realtime,
  payload: z.object({
    eventId: z.string().min(1).max(100),
    account: z.string().min(1).max(100),
    cents: z.number().int(),
    /** `2026-11`: the books are closed by month. */
    month: z.string().regex(/^\d{4}-\d{2}$/),
  }),
  // The provider's own id: its redeliveries are the same job.
  key: (payment) => `payment:${payment.eventId}`,
  // Money is never given up early; ten attempts reach over an outage of our own database of several minutes.
  retry: { maxAttempts: 10, backoff: exponential({ baseMs: 500, maxMs: 60_000 }) },
  timeoutMs: 15_000,
  tags: ['money'],
})
