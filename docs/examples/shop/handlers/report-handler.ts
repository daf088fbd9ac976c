import { join } from 'node:path'
import { type Handler, handle } from '@switchyard/core'
import { monthlyReport } from '../jobs/monthly-report.ts'
import { type ReportLine, renderReport } from '../shop/render-report.ts'
import { reportEffect } from '../shop/report-effect.ts'
import type { Shop } from '../shop/shop.ts'
import { inTransaction } from '../shop/shop-database.ts'
import { writeWhole } from '../shop/write-whole.ts'

/** Writes the PDF of a month from the books. The first one stands: who reads it must not find another one tomorrow. */
export function reportHandler(shop: Shop): Handler {
  const { database } = shop
  const written = database.prepare('select 1 from reports where account = ? and month = ?')
  const lines = database.prepare(
    'select event_id, cents from payments where account = ? and month = ? order by event_id',
  )
  const enter = database.prepare('insert into reports values (?, ?, ?, ?, ?) on conflict (account, month) do nothing')
  return handle(monthlyReport, async ({ account, month }, context) => {
    if (written.get(account, month) === undefined) {
      const payments = lines
        .all(account, month)
        .map((row): ReportLine => ({ eventId: String(row.event_id), cents: Number(row.cents) }))
      const pdf = await renderReport({ account, month, payments })
      context.signal.throwIfAborted()
      const file = join('reports', `${account}-${month}.pdf`)
      await writeWhole(join(shop.files, file), pdf)
      await inTransaction(database, context.signal, () =>
        enter.run(account, month, file, payments.length, context.job.id),
      )
    }
    const key = `report:${account}:${month}`
    await reportEffect(shop, { sink: 'archive', key, token: key }, context)
  })
}
