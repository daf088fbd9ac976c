import { type Handler, handle } from '@switchyard/core'
import { recordPayment } from '../jobs/record-payment.ts'
import { reportEffect } from '../shop/report-effect.ts'
import type { Shop } from '../shop/shop.ts'
import { inTransaction } from '../shop/shop-database.ts'

/** Books a payment. The unique key and the new balance are in one transaction: both happen, once, or neither. */
export function paymentHandler(shop: Shop): Handler {
  const { database } = shop
  const enter = database.prepare('insert into payments values (?, ?, ?, ?, ?, ?) on conflict (entry) do nothing')
  const credit = database.prepare(
    'insert into accounts values (?, ?) on conflict (account) do update set balance_cents = balance_cents + excluded.balance_cents',
  )
  return handle(recordPayment, async (payment, context) => {
    const { eventId, account, cents, month } = payment
    const entry = `payment:${eventId}`
    await inTransaction(database, context.signal, () => {
      const { changes } = enter.run(entry, eventId, account, cents, month, context.job.id)
      if (changes === 1) credit.run(account, cents)
    })
    await reportEffect(shop, { sink: 'books', key: entry, token: entry }, context)
  })
}
