import type { ChaosApp, WorkItem } from '@switchyard/chaos'
import { deliverWebhook } from './jobs/deliver-webhook.ts'
import { makeThumbnail } from './jobs/make-thumbnail.ts'
import { monthlyReport } from './jobs/monthly-report.ts'
import { recordPayment } from './jobs/record-payment.ts'
import { sendEmail } from './jobs/send-email.ts'
import { syncAnalytics } from './jobs/sync-analytics.ts'

const ACCOUNTS = 6
const PHOTOS = ['chelsea.jpg', 'coffee.jpg', 'rocket.jpg'] as const
const WIDTHS = [64, 128, 240, 320] as const
const TEMPLATES = ['receipt', 'welcome', 'shipped'] as const

type Make = (n: number, draw: (below: number) => number) => WorkItem

/** A month of a small shop: mostly payments and mails, some pictures, a few reports. Shares out of a hundred. */
const SHARES: readonly (readonly [share: number, make: Make])[] = [
  [34, payment],
  [24, email],
  [16, webhook],
  [12, thumbnail],
  [10, batch],
  [4, report],
]

const LOTS: readonly Make[] = SHARES.flatMap(([share, make]) => Array<Make>(share).fill(make))

/** The same list of jobs for the same arguments; every job has keys of its own. */
export const shopWorkload: ChaosApp['workload'] = ({ seed, jobs }) => {
  const draw = drawFrom(seed)
  return Array.from({ length: jobs }, (_, n) => {
    const make = LOTS[draw(LOTS.length)] as Make
    return make(n, draw)
  })
}

function payment(n: number, draw: (below: number) => number): WorkItem {
  const payload = { eventId: `evt-${n}`, account: account(draw), cents: 100 + draw(20_000), month: month(draw(12)) }
  const key = `payment:evt-${n}`
  return {
    job: recordPayment,
    payload,
    effects: [
      { sink: 'shop.db', key },
      { sink: 'books', key },
    ],
  }
}

function email(n: number, draw: (below: number) => number): WorkItem {
  const template = TEMPLATES[draw(TEMPLATES.length)] as (typeof TEMPLATES)[number]
  const payload = { to: `customer-${n}@example.com`, template, about: `o-${n}`, name: `Customer ${n}` }
  return { job: sendEmail, payload, effects: [{ sink: 'mail', key: `email:${template}:o-${n}` }] }
}

function webhook(n: number, draw: (below: number) => number): WorkItem {
  const payload = { eventId: `whk-${n}`, type: 'order.paid', orderId: `o-${n}`, cents: draw(20_000) }
  return { job: deliverWebhook, payload, effects: [{ sink: 'webhook', key: `webhook:whk-${n}` }] }
}

function thumbnail(n: number, draw: (below: number) => number): WorkItem {
  const width = WIDTHS[draw(WIDTHS.length)] as number
  const payload = { uploadId: `up-${n}`, photo: PHOTOS[draw(PHOTOS.length)], width }
  const key = `thumbnail:up-${n}:${width}`
  return {
    job: makeThumbnail,
    payload,
    effects: [
      { sink: 'shop.db', key },
      { sink: 'gallery', key },
    ],
  }
}

function batch(n: number, draw: (below: number) => number): WorkItem {
  const one = () => ({ name: 'order', customer: `c-${draw(1_000)}`, cents: draw(20_000) })
  const payload = { batchId: `b-${n}`, events: Array.from({ length: 20 + draw(80) }, one) }
  return { job: syncAnalytics, payload, effects: [{ sink: 'analytics', key: `analytics:b-${n}` }] }
}

function report(n: number): WorkItem {
  // By number, not by lot: two reports of one account and month would be one job.
  const payload = { account: `acct-${n % ACCOUNTS}`, month: month(Math.floor(n / ACCOUNTS)) }
  const key = `report:${payload.account}:${payload.month}`
  return {
    job: monthlyReport,
    payload,
    effects: [
      { sink: 'shop.db', key },
      { sink: 'archive', key },
    ],
  }
}

function account(draw: (below: number) => number): string {
  return `acct-${draw(ACCOUNTS)}`
}

/** 2026-01 and the months after it. */
function month(index: number): string {
  return `${2026 + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}`
}

/** Whole numbers below a bound, the same for the same seed: mulberry32 by Tommy Ettinger (public domain). */
function drawFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}
