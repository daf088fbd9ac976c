import type { AnyJob } from '@switchyard/core'
import { deliverWebhook } from './deliver-webhook.ts'
import { makeThumbnail } from './make-thumbnail.ts'
import { monthlyReport } from './monthly-report.ts'
import { recordPayment } from './record-payment.ts'
import { sendEmail } from './send-email.ts'
import { syncAnalytics } from './sync-analytics.ts'

/** Every job of the shop. */
export const shopJobs: readonly AnyJob[] = [
  recordPayment,
  sendEmail,
  deliverWebhook,
  makeThumbnail,
  syncAnalytics,
  monthlyReport,
]
