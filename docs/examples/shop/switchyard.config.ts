import { defineConfig } from '@switchyard/core'
import { shopJobs } from './jobs/shop-jobs.ts'
import { shopQueues } from './jobs/shop-queues.ts'

/** Read by the `switchyard` command. Another broker is another URL: nothing else changes. */
export default defineConfig({
  broker: process.env.SWITCHYARD_BROKER_URL ?? 'sqlite:.switchyard/jobs.db',
  jobs: shopJobs,
  // Imported when a worker starts: `switchyard enqueue` and `dlq` need neither sharp nor pdfkit nor a mail server.
  handlers: async () => (await import('./handlers/shop-handlers.ts')).handlersFromEnv(process.env),
  work: { queues: shopQueues },
})
