import { defineJob, exponential } from '@switchyard/core'
import { z } from 'zod'
import { QUEUES } from './queue-names.ts'

/** A transactional mail: one per template and subject of the mail (an order, a sign-in), however often it is asked for. */
export const sendEmail = defineJob({
  name: 'send-email',
  queue: QUEUES.realtime,
  payload: z.object({
    to: z.email(),
    template: z.enum(['receipt', 'welcome', 'shipped']),
    /** What the mail is about: `o-17`. */
    about: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    name: z.string().min(1).max(100),
  }),
  key: (mail) => `email:${mail.template}:${mail.about}`,
  // Greylisting asks for minutes; a receipt that comes a day late only irritates.
  retry: {
    maxAttempts: 8,
    backoff: exponential({ baseMs: 2_000, maxMs: 300_000 }),
    giveUpAfterMs: 24 * 3_600_000,
    classify: (error) => smtpClass(error),
  },
  timeoutMs: 30_000,
  tags: ['customer'],
})

/** SMTP says itself what is final: 4yz may pass, 5yz will not (RFC 5321 4.2.1). Without a reply code nobody knows. */
function smtpClass(error: unknown): 'transient' | 'permanent' | undefined {
  const code = (error as { readonly responseCode?: unknown } | null)?.responseCode
  if (typeof code !== 'number') return undefined
  if (code >= 400 && code < 500) return 'transient'
  return code >= 500 && code < 600 ? 'permanent' : undefined
}
