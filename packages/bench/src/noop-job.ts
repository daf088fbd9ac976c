import { type AnyJob, defineJob } from '@switchyard/core'
import { z } from 'zod'

/** A payload like those that people send: a few fields, about 200 bytes as an envelope. */
export const payload = z.object({ n: z.number(), to: z.string(), subject: z.string() })

/** The job of every row; its handler does nothing, so that only Switchyard is measured. */
export const noop: AnyJob = defineJob({ name: 'noop', queue: 'bench', payload })

/** Payload number `n`. */
export function payloadOf(n: number): { readonly n: number; readonly to: string; readonly subject: string } {
  return { n, to: 'ada@example.org', subject: 'Your order is on its way' }
}
