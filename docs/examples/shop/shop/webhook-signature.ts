import { createHmac, timingSafeEqual } from 'node:crypto'

/** How far the sender's clock may be off, and how long a caught request can be played again (standardwebhooks.com). */
const TOLERANCE_MS = 300_000

/** What is signed: the id and the time too, so that neither can be changed. */
export interface SignedMessage {
  readonly id: string
  readonly body: string
  /** `whsec_` and base64, or any text. */
  readonly secret: string
  /** Epoch ms. */
  readonly nowMs: number
}

/** The three headers of the Standard Webhooks specification. */
export function signedHeaders({ id, body, secret, nowMs }: SignedMessage): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1_000))
  const signature = hmac(secret, `${id}.${timestamp}.${body}`).toString('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}

/** The id of a request with a true and fresh signature; null: refuse it, and do not say why. */
export function verifiedId(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  { body, secret, nowMs }: Omit<SignedMessage, 'id'>,
): string | null {
  const id = headers['webhook-id']
  const timestamp = headers['webhook-timestamp']
  const signatures = headers['webhook-signature']
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return null
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs - Number(timestamp) * 1_000) > TOLERANCE_MS) return null
  const expected = hmac(secret, `${id}.${timestamp}.${body}`)
  // Several signatures, one per secret, while a secret is being changed.
  const given = signatures
    .split(' ')
    .flatMap((one) => (one.startsWith('v1,') ? [Buffer.from(one.slice(3), 'base64')] : []))
  return given.some((one) => one.length === expected.length && timingSafeEqual(one, expected)) ? id : null
}

function hmac(secret: string, text: string): Buffer {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  return createHmac('sha256', key).update(text).digest()
}
