import { randomBytes } from 'node:crypto'
import { startHttpServer } from '../shop/http-server.ts'
import { analyticsEndpoint } from './analytics-endpoint.ts'
import type { EffectRecorder } from './effect-book.ts'
import { startMailServer } from './mail-server.ts'
import { webhookEndpoint } from './webhook-endpoint.ts'

/** The outside world of the shop, running in this process. */
export interface ShopServices {
  /** What workers need in their environment to find it. */
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** Starts mail server, webhook endpoint and analytics service on free loopback ports, with a webhook secret of this run. */
export async function startShopServices(options: {
  readonly recorder: EffectRecorder
  /** Every n-th webhook and batch is refused at first, with 429 and 503 (default 20; 0: none). */
  readonly troubleEvery?: number
}): Promise<ShopServices> {
  const { recorder, troubleEvery = 20 } = options
  const secret = `whsec_${randomBytes(24).toString('base64')}`
  const mail = await startMailServer(recorder)
  const http = await startHttpServer({
    '/webhooks': webhookEndpoint({ recorder, secret, busyEvery: troubleEvery }),
    '/batches': analyticsEndpoint({ recorder, downEvery: troubleEvery }),
  })
  return {
    env: {
      SHOP_SMTP_URL: mail.url,
      SHOP_WEBHOOK_URL: `${http.url}/webhooks`,
      SHOP_WEBHOOK_SECRET: secret,
      SHOP_ANALYTICS_URL: `${http.url}/batches`,
    },
    close: async () => {
      await Promise.all([mail.close(), http.close()])
    },
  }
}
