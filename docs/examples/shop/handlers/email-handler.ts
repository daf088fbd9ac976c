import { createHash } from 'node:crypto'
import { type Handler, handle } from '@switchyard/core'
import { createTransport } from 'nodemailer'
import { sendEmail } from '../jobs/send-email.ts'
import type { Shop } from '../shop/shop.ts'
import { noteDone } from '../shop/shop-database.ts'

const TEXTS = {
  receipt: { subject: 'Your receipt', text: 'thank you for your payment' },
  welcome: { subject: 'Welcome', text: 'good to have you here' },
  shipped: { subject: 'On its way', text: 'we have handed over your parcel' },
} as const

/**
 * Sends a mail. No transaction reaches over SMTP, so there are two guards: our own list of what was sent, and a Message-ID
 * made from the key, by which mail servers drop the copy that a crash between sending and noting leaves behind.
 */
export function emailHandler(shop: Shop): Handler {
  const { database } = shop
  const sent = database.prepare('select 1 from sent_mails where key = ?')
  const note = database.prepare('insert into sent_mails values (?, ?, ?) on conflict (key) do nothing')
  const transport = createTransport({
    url: shop.smtpUrl,
    connectionTimeout: 5_000,
    greetingTimeout: 5_000,
    socketTimeout: 10_000,
  })
  return handle(sendEmail, async (mail, { job, signal }) => {
    const key = `email:${mail.template}:${mail.about}`
    if (sent.get(key) !== undefined) return
    const { subject, text } = TEXTS[mail.template]
    const messageId = `<${createHash('sha256').update(key).digest('hex').slice(0, 40)}@shop.example>`
    await transport.sendMail({
      from: 'shop@shop.example',
      to: mail.to,
      subject: `${subject} (${mail.about})`,
      text: `Dear ${mail.name},\n\n${text}.\n\nYour shop`,
      messageId,
      headers: {
        'X-Entity-Ref-ID': `${mail.template}:${mail.about}`,
        'X-Shop-Job': job.id,
        'X-Shop-Worker': String(process.pid),
      },
      signal,
    })
    await noteDone(database, () => note.run(key, messageId, job.id))
  })
}
