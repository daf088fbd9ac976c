import { defineJob, exponential } from '@switchyard/core'
import { z } from 'zod'
import { QUEUES } from './queue-names.ts'

/** A small WebP picture of an uploaded photo. */
export const makeThumbnail = defineJob({
  name: 'make-thumbnail',
  queue: QUEUES.bulk,
  payload: z.object({
    uploadId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    /** File in the folder of photos; the pattern keeps it there. */
    photo: z.string().regex(/^[a-z0-9-]{1,64}\.jpg$/),
    width: z.number().int().min(16).max(2_000),
  }),
  key: (upload) => `thumbnail:${upload.uploadId}:${upload.width}`,
  // The same bytes fail the same way; what may pass is a busy disk or database.
  retry: { maxAttempts: 4, backoff: exponential({ baseMs: 1_000, maxMs: 60_000 }) },
  timeoutMs: 60_000,
  tags: ['images'],
})
