import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type Enqueued, type Yard } from '@switchyard/core'
import { shopJobs } from './jobs/shop-jobs.ts'
import { shopQueues } from './jobs/shop-queues.ts'
import { startPaymentReceiver } from './receiver/payment-receiver.ts'
import { EffectBook } from './services/effect-book.ts'
import { recordRows } from './services/record-rows.ts'
import { startShopServices } from './services/shop-services.ts'
import { signedHeaders } from './shop/webhook-signature.ts'
import { shopWorkload } from './shop-workload.ts'
import config from './switchyard.config.ts'

/** `npm start`: the whole shop in one process: its outside world, the receiver, a worker and some traffic; then what came of it. */
const JOBS = 60

const book = new EffectBook()
await using services = disposable(await startShopServices({ recorder: book }))
Object.assign(process.env, services.env)
const folder = join(import.meta.dirname, '.switchyard/start')
const database = join(folder, 'shop.db')
const files = join(folder, 'files')
// The traffic has the same keys each time: with yesterday's books there would be nothing left to do.
await rm(folder, { recursive: true, force: true })
Object.assign(process.env, { SHOP_DB: database, SHOP_FILES: files })

await using yard = await connect({ broker: config.broker, jobs: shopJobs, base: import.meta.dirname })
const secret = services.env.SHOP_WEBHOOK_SECRET ?? ''
await using receiver = disposable(await startPaymentReceiver({ yard, secret }))
console.log(`broker ${yard.broker}; payment events at ${receiver.url}/payments; the books are in ${database}`)

const seed = Date.now() % 1_000_000
for (const { job, payload } of shopWorkload({ seed, jobs: JOBS })) await yard.enqueue(job, payload)
await payTwice(yard, `${receiver.url}/payments`)

yard.on('job.retried', ({ job, failure, delayMs }) => console.log(`${job} again in ${delayMs} ms: ${failure.message}`))
const worker = await yard.work((await config.handlers?.()) ?? [], { queues: shopQueues })
const { started } = await worker.drain()
await recordRows({ database, files, recorder: book })
// A broker that forgets ids admits the repeated payment event: one run more, and no effect more.
console.log(`${started} runs of handlers for ${JOBS + 1} jobs; their effects by sink:`)
console.table(
  Object.fromEntries(
    [...Map.groupBy(book.applied, ({ sink }) => sink)].map(([sink, effects]) => [sink, { effects: effects.length }]),
  ),
)

/** The provider did not hear our first answer and sends the event again: still one job. */
async function payTwice({ broker }: Yard, url: string): Promise<void> {
  const body = JSON.stringify({ account: 'acct-0', cents: 4_200, month: '2026-11' })
  const headers = signedHeaders({ id: `evt-provider-${seed}`, body, secret, nowMs: Date.now() })
  for (const time of ['first', 'second']) {
    const answer = (await (await fetch(url, { method: 'POST', body, headers })).json()) as Enqueued
    console.log(`payment event, ${time} time: ${answer.status} by ${broker} as job ${answer.jobId}`)
  }
}

function disposable<Thing extends { close(): Promise<void> }>(thing: Thing): Thing & AsyncDisposable {
  return Object.assign(thing, { [Symbol.asyncDispose]: () => thing.close() })
}
