import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChaosApp } from '@switchyard/chaos'
import { shopHandlers } from './handlers/shop-handlers.ts'
import { shopJobs } from './jobs/shop-jobs.ts'
import { shopQueues } from './jobs/shop-queues.ts'
import { recordRows } from './services/record-rows.ts'
import { startShopServices } from './services/shop-services.ts'
import { openShop } from './shop/shop.ts'
import { shopWorkload } from './shop-workload.ts'
import { naive } from './variants/naive.ts'

/** Handlers by the name of their variant. */
const VARIANTS = { careful: shopHandlers, naive } as const

/** The shop for `switchyard chaos run`: its outside world runs in the harness, out of the reach of every worker. */
export const chaosApp: ChaosApp = {
  title: 'The shop: six jobs with real effects',
  jobs: shopJobs,
  queues: shopQueues,
  workload: shopWorkload,
  handlers({ variant, ledgerUrl }) {
    if (!Object.hasOwn(VARIANTS, variant)) {
      throw new Error(`the shop has no variant ${JSON.stringify(variant)}; it has: ${Object.keys(VARIANTS).join(', ')}`)
    }
    return VARIANTS[variant as keyof typeof VARIANTS](openShop({ ...process.env, SHOP_LEDGER_URL: ledgerUrl }))
  },
  async startSinks({ recorder, dir }) {
    const database = join(dir, 'shop.db')
    const files = join(dir, 'shop-files')
    // What an earlier run left would be judged as this run's.
    for (const left of [database, `${database}-wal`, `${database}-shm`, files]) {
      await rm(left, { recursive: true, force: true })
    }
    const { env, close } = await startShopServices({ recorder })
    return {
      env: { ...env, SHOP_DB: database, SHOP_FILES: files },
      finish: () => recordRows({ database, files, recorder }),
      close,
    }
  },
}
