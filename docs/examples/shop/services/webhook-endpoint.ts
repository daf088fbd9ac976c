import type { Answer, Route } from '../shop/http-server.ts'
import { verifiedId } from '../shop/webhook-signature.ts'
import type { EffectRecorder } from './effect-book.ts'
import { nowAndThen } from './now-and-then.ts'
import { senderOf } from './sender-of.ts'

const BUSY: Answer = { status: 429, headers: { 'retry-after': '1' } }

/** A customer's endpoint: checks the signature, is too busy now and then, and knows a repetition by its `webhook-id`. */
export function webhookEndpoint(options: {
  readonly recorder: EffectRecorder
  readonly secret: string
  /** Every n-th event is answered 429 at first; 0: none. */
  readonly busyEvery: number
}): Route {
  const { recorder, secret } = options
  const busy = nowAndThen(options.busyEvery)
  return async ({ headers, body }) => {
    const token = verifiedId(headers, { body, secret, nowMs: Date.now() })
    if (token === null) return { status: 401 }
    if (busy(token)) return BUSY
    const { data } = JSON.parse(body) as { readonly data: { readonly eventId: string } }
    const sender = senderOf(headers['x-shop-job'], headers['x-shop-worker'])
    const applied = await recorder.record({ sink: 'webhook', key: `webhook:${data.eventId}`, token, ...sender })
    return { status: 200, json: { applied } }
  }
}
