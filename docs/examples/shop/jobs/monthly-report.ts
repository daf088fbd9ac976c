import { defineJob, exponential } from '@switchyard/core'
import { z } from 'zod'
import { QUEUES } from './queue-names.ts'

/** The month of one account as a PDF. Its queue runs one at a time in each worker: a report takes a core and much memory. */
export const monthlyReport = defineJob({
  name: 'monthly-report',
  queue: QUEUES.reports,
  payload: z.object({
    account: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    month: z.string().regex(/^\d{4}-\d{2}$/),
  }),
  key: (report) => `report:${report.account}:${report.month}`,
  retry: { maxAttempts: 4, backoff: exponential({ baseMs: 5_000, maxMs: 300_000 }) },
  timeoutMs: 120_000,
  tags: ['finance'],
})
