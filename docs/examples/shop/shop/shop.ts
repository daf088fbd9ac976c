import { dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { ConfigError } from '@switchyard/core'
import { openShopDatabase } from './shop-database.ts'

/** Everything that handlers need of the world; made once per process. */
export interface Shop {
  readonly database: DatabaseSync
  /** Folder of thumbnails and reports. */
  readonly files: string
  /** Folder of uploaded photos. */
  readonly photos: string
  readonly smtpUrl: string
  readonly webhookUrl: string
  readonly webhookSecret: string
  readonly analyticsUrl: string
  /** Whoever keeps the books besides us: `POST /effects`. Null: nobody. */
  readonly ledgerUrl: string | null
}

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads SHOP_DB, SHOP_FILES, SHOP_PHOTOS, SHOP_SMTP_URL, SHOP_WEBHOOK_URL, SHOP_WEBHOOK_SECRET, SHOP_ANALYTICS_URL and
 * SHOP_LEDGER_URL, and opens the database. Throws ConfigError that names the variable that is missing.
 */
export function openShop(env: Environment): Shop {
  const file = env.SHOP_DB ?? '.switchyard/shop.db'
  const shop = {
    files: env.SHOP_FILES ?? join(dirname(file), 'files'),
    photos: env.SHOP_PHOTOS ?? fileURLToPath(new URL('../photos', import.meta.url)),
    smtpUrl: needed(env, 'SHOP_SMTP_URL'),
    webhookUrl: needed(env, 'SHOP_WEBHOOK_URL'),
    webhookSecret: needed(env, 'SHOP_WEBHOOK_SECRET'),
    analyticsUrl: needed(env, 'SHOP_ANALYTICS_URL'),
    ledgerUrl: env.SHOP_LEDGER_URL ?? null,
  }
  return { ...shop, database: openShopDatabase(file) }
}

function needed(env: Environment, name: string): string {
  const value = env[name]
  if (value !== undefined && value !== '') return value
  const wayOut = 'start the services with "npm run services" and take over what it prints'
  throw new ConfigError(`shop: ${name} is not set; ${wayOut}`, { option: name })
}
