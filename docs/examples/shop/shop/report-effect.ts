import { postJson } from './post-json.ts'
import type { Shop } from './shop.ts'

/** Something that a handler has done where only we can see it. */
export interface Effect {
  /** What was changed: `books`, `gallery`, `archive`. */
  readonly sink: string
  /** What must happen once. */
  readonly key: string
  /** The ledger counts a token once; null: every time. */
  readonly token: string | null
}

/** Enters an effect into the ledger outside, when there is one (SHOP_LEDGER_URL). */
export async function reportEffect(
  shop: Shop,
  effect: Effect,
  context: { readonly job: { readonly id: string }; readonly signal: AbortSignal },
): Promise<void> {
  if (shop.ledgerUrl === null) return
  await postJson({
    what: 'the ledger',
    url: new URL('/effects', shop.ledgerUrl).href,
    body: JSON.stringify({ ...effect, job: context.job.id, pid: process.pid }),
    jobId: context.job.id,
    signal: context.signal,
  })
}
