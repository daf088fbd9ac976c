import { randomUUID } from 'node:crypto'
import { type Handler, handle } from '@switchyard/core'
import { shopHandlers } from '../handlers/shop-handlers.ts'
import { recordPayment } from '../jobs/record-payment.ts'
import { reportEffect } from '../shop/report-effect.ts'
import type { Shop } from '../shop/shop.ts'
import { inTransaction } from '../shop/shop-database.ts'

/** The shop with one mistake: see naivePaymentHandler. */
export function naive(shop: Shop): readonly Handler[] {
  return [...shopHandlers(shop).filter(({ definition }) => definition !== recordPayment), naivePaymentHandler(shop)]
}

/**
 * Wrong on purpose, as it is often written: a transaction, but under an id of its own making. It looks careful, passes every
 * test that runs it once, and books the payment again with each second delivery.
 */
export function naivePaymentHandler(shop: Shop): Handler {
  const { database } = shop
  const enter = database.prepare('insert into payments values (?, ?, ?, ?, ?, ?)')
  const credit = database.prepare(
    'insert into accounts values (?, ?) on conflict (account) do update set balance_cents = balance_cents + excluded.balance_cents',
  )
  return handle(recordPayment, async ({ eventId, account, cents, month }, context) => {
    await inTransaction(database, context.signal, () => {
      enter.run(randomUUID(), eventId, account, cents, month, context.job.id)
      credit.run(account, cents)
    })
    await reportEffect(shop, { sink: 'books', key: `payment:${eventId}`, token: null }, context)
  })
}
