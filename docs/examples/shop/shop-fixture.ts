import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Handler, type Yard } from '@switchyard/core'
import type { AdapterFactory } from '@switchyard/core/adapter'
import { type Drained, drain } from '@switchyard/core/testing'
import { shopHandlers } from './handlers/shop-handlers.ts'
import { shopJobs } from './jobs/shop-jobs.ts'
import { EffectBook, type SeenEffect } from './services/effect-book.ts'
import { recordRows } from './services/record-rows.ts'
import { startShopServices } from './services/shop-services.ts'
import { type Listening, startHttpServer } from './shop/http-server.ts'
import { openShop, type Shop } from './shop/shop.ts'

/** A whole shop for one test: real services, real database, real broker, in a folder that goes away. */
export interface ShopFixture extends AsyncDisposable {
  readonly shop: Shop
  readonly book: EffectBook
  readonly yard: Yard
  readonly secret: string
  /** Runs a worker with these handlers (default: the careful ones) until every queue is empty. */
  drain(handlers?: readonly Handler[]): Promise<Drained>
  /** Keys of the rows of the shop's database. */
  rows(): Promise<readonly string[]>
}

/** Starts one. `sqlite:` is a file in the fixture's folder; default: `memory:`. */
export async function startShop(
  options: { readonly broker?: 'memory:' | 'sqlite:' | AdapterFactory<never>; readonly troubleEvery?: number } = {},
): Promise<ShopFixture> {
  const dir = await mkdtemp(join(tmpdir(), 'shop '))
  const book = new EffectBook()
  const services = await startShopServices({ recorder: book, troubleEvery: options.troubleEvery ?? 0 })
  const ledger = await startLedger(book)
  const database = join(dir, 'shop.db')
  const shop = openShop({ ...services.env, SHOP_DB: database, SHOP_LEDGER_URL: ledger.url })
  const { broker = 'memory:' } = options
  const place = broker === 'sqlite:' ? `sqlite:${join(dir, 'jobs.db')}` : broker
  const yard = await connect({ broker: place, jobs: shopJobs, base: import.meta.dirname })
  return {
    shop,
    book,
    yard,
    secret: shop.webhookSecret,
    drain: (handlers = shopHandlers(shop)) => drain(yard, handlers),
    async rows() {
      const rows = new EffectBook()
      await recordRows({ database, files: shop.files, recorder: rows })
      return rows.keys('shop.db')
    },
    async [Symbol.asyncDispose]() {
      await yard.close()
      await Promise.all([services.close(), ledger.close()])
      shop.database.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** What the harness of a chaos run brings: `POST /effects`. */
function startLedger(book: EffectBook): Promise<Listening> {
  return startHttpServer({
    '/effects': async ({ body }) => ({
      status: 200,
      json: { applied: await book.record(JSON.parse(body) as SeenEffect) },
    }),
  })
}
