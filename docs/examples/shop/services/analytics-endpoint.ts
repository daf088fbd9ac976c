import type { Route } from '../shop/http-server.ts'
import type { EffectRecorder } from './effect-book.ts'
import { nowAndThen } from './now-and-then.ts'
import { senderOf } from './sender-of.ts'

/** An analytics service with idempotency keys, which is being restarted now and then. */
export function analyticsEndpoint(options: {
  readonly recorder: EffectRecorder
  /** Every n-th batch is answered 503 at first; 0: none. */
  readonly downEvery: number
}): Route {
  const down = nowAndThen(options.downEvery)
  return async ({ headers, body }) => {
    const { batchId } = JSON.parse(body) as { readonly batchId: string }
    if (down(batchId)) return { status: 503 }
    const given = headers['idempotency-key']
    const token = typeof given === 'string' ? given : null
    const sender = senderOf(headers['x-shop-job'], headers['x-shop-worker'])
    const applied = await options.recorder.record({ sink: 'analytics', key: `analytics:${batchId}`, token, ...sender })
    return { status: 202, json: { applied } }
  }
}
