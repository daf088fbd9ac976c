import { type Handler, handle } from '@switchyard/core'
import { syncAnalytics } from '../jobs/sync-analytics.ts'
import { postJson } from '../shop/post-json.ts'
import type { Shop } from '../shop/shop.ts'
import { noteDone } from '../shop/shop-database.ts'

/** Sends a batch of events under its own idempotency key, then notes it. */
export function analyticsHandler(shop: Shop): Handler {
  const { database, analyticsUrl: url } = shop
  const synced = database.prepare('select 1 from synced_batches where batch_id = ?')
  const note = database.prepare('insert into synced_batches values (?, ?, ?) on conflict (batch_id) do nothing')
  return handle(syncAnalytics, async ({ batchId, events }, { job, signal }) => {
    if (synced.get(batchId) !== undefined) return
    await postJson({
      what: 'the analytics service',
      url,
      body: JSON.stringify({ batchId, events }),
      headers: { 'idempotency-key': `analytics:${batchId}` },
      jobId: job.id,
      signal,
    })
    await noteDone(database, () => note.run(batchId, events.length, job.id))
  })
}
