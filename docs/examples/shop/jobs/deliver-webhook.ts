import { defineJob, delays } from '@switchyard/core'
import { z } from 'zod'
import { QUEUES } from './queue-names.ts'

/** Tells a customer's system about an event, signed. */
export const deliverWebhook = defineJob({
  name: 'deliver-webhook',
  queue: QUEUES.default,
  payload: z.object({
    eventId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    type: z.enum(['order.paid', 'order.shipped']),
    orderId: z.string().min(1).max(64),
    cents: z.number().int().nonnegative(),
  }),
  key: (event) => `webhook:${event.eventId}`,
  // Somebody else's server: patient, at most 15 minutes apart, over about two hours. Retry-After goes before this list.
  retry: {
    maxAttempts: 12,
    backoff: delays([2_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000], { jitter: 'full' }),
  },
  // One request may take 10 s (see the handler); the rest is ours.
  timeoutMs: 20_000,
  tags: ['customer'],
})
