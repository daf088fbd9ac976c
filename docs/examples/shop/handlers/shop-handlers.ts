import type { Handler } from '@switchyard/core'
import { type Environment, openShop, type Shop } from '../shop/shop.ts'
import { analyticsHandler } from './analytics-handler.ts'
import { emailHandler } from './email-handler.ts'
import { paymentHandler } from './payment-handler.ts'
import { reportHandler } from './report-handler.ts'
import { thumbnailHandler } from './thumbnail-handler.ts'
import { webhookHandler } from './webhook-handler.ts'

/** Every handler of the shop. */
export function shopHandlers(shop: Shop): readonly Handler[] {
  return [
    paymentHandler(shop),
    emailHandler(shop),
    webhookHandler(shop),
    thumbnailHandler(shop),
    analyticsHandler(shop),
    reportHandler(shop),
  ]
}

/** Opens the shop as the environment says; its database stays open until the process ends. */
export function handlersFromEnv(env: Environment): readonly Handler[] {
  return shopHandlers(openShop(env))
}
