import { type Handler, handle } from '@switchyard/core'
import { deliverWebhook } from '../jobs/deliver-webhook.ts'
import { postJson } from '../shop/post-json.ts'
import type { Shop } from '../shop/shop.ts'
import { noteDone } from '../shop/shop-database.ts'
import { signedHeaders } from '../shop/webhook-signature.ts'

/**
 * Delivers a webhook: signed anew for each attempt, always with the same `webhook-id`, by which the receiver knows a repetition.
 * What the receiver answers decides: 429 and 5xx come again (not before its Retry-After), other 4xx are final.
 */
export function webhookHandler(shop: Shop, options: { readonly requestMs?: number } = {}): Handler {
  const { database, webhookUrl: url, webhookSecret: secret } = shop
  const delivered = database.prepare('select 1 from delivered_webhooks where event_id = ?')
  const note = database.prepare('insert into delivered_webhooks values (?, ?, ?) on conflict (event_id) do nothing')
  return handle(deliverWebhook, async (event, { job, signal }) => {
    if (delivered.get(event.eventId) !== undefined) return
    const { type, orderId, cents } = event
    const body = JSON.stringify({ type, data: { eventId: event.eventId, orderId, cents } })
    const headers = signedHeaders({ id: event.eventId, body, secret, nowMs: Date.now() })
    const status = await postJson({
      what: 'the webhook endpoint',
      url,
      body,
      headers,
      jobId: job.id,
      signal,
      ...options,
    })
    await noteDone(database, () => note.run(event.eventId, status, job.id))
  })
}
