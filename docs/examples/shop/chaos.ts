import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ChaosApp } from '@switchyard/chaos'
import type { Handler } from '@switchyard/core'
import { shopJobs } from './jobs/shop-jobs.ts'
import { shopQueues } from './jobs/shop-queues.ts'
import type { Shop } from './shop/shop.ts'
import { shopWorkload } from './shop-workload.ts'

/** Handlers by the name of their variant. Imported where they run: a producer needs no mail client. */
const VARIANTS: Readonly<Record<string, () => Promise<(shop: Shop) => readonly Handler[]>>> = {
  careful: async () => (await import('./handlers/shop-handlers.ts')).shopHandlers,
  naive: async () => (await import('./variants/naive.ts')).naive,
}

/** The shop for `switchyard chaos run`: its outside world runs in the harness, out of the reach of every worker. */
export const chaosApp: ChaosApp = {
  title: 'The shop: six jobs with real effects',
  jobs: shopJobs,
  queues: shopQueues,
  workload: shopWorkload,
  async handlers({ variant, ledgerUrl }) {
    const load = Object.hasOwn(VARIANTS, variant) ? VARIANTS[variant] : undefined
    if (load === undefined) {
      throw new Error(`the shop has no variant ${JSON.stringify(variant)}; it has: ${Object.keys(VARIANTS).join(', ')}`)
    }
    const { openShop } = await import('./shop/shop.ts')
    const handlers = await load()
    return handlers(openShop({ ...process.env, SHOP_LEDGER_URL: ledgerUrl }))
  },
  async startSinks({ recorder, dir }) {
    const database = resolve(dir, 'shop.db')
    const files = resolve(dir, 'shop-files')
    // What an earlier run left would be judged as this run's.
    for (const left of [database, `${database}-wal`, `${database}-shm`, files]) {
      await rm(left, { recursive: true, force: true })
    }
    const { startShopServices } = await import('./services/shop-services.ts')
    const { recordRows } = await import('./services/record-rows.ts')
    const { env, close } = await startShopServices({ recorder })
    return {
      env: { ...env, SHOP_DB: database, SHOP_FILES: files },
      finish: () => recordRows({ database, files, recorder }),
      close,
    }
  },
}
