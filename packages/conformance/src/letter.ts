import type { Delivery, Message } from '@switchyard/core/adapter'
import { systemClock, uuidV5 } from '@switchyard/core/adapter'

/**
 * Messages of the suite carry their identity in the body, because the broker's id of a copy made by a composed retry or
 * release differs (seam, `Delivery.message`).
 */
export interface LetterParts {
  readonly id?: string
  readonly delayMs?: number
  readonly orderKey?: string
  readonly unique?: Message['unique']
  /** What else the body carries; must be JSON text when encoded. */
  readonly text?: string
}

/** Makes a message with a fresh UUID v4 as id (the seam asks for a UUID; which version is core's business). */
export function letter(parts: LetterParts = {}): Message {
  const id = parts.id ?? freshId()
  const { orderKey, unique } = parts
  return {
    id,
    name: 'conformance',
    body: JSON.stringify(parts.text === undefined ? { is: id } : { is: id, text: parts.text }),
    delayMs: parts.delayMs ?? 0,
    ...(orderKey === undefined ? {} : { orderKey }),
    ...(unique === undefined ? {} : { unique }),
  }
}

/** Many at once. */
export function letters(count: number, parts: Omit<LetterParts, 'id'> = {}): Message[] {
  return Array.from({ length: count }, () => letter(parts))
}

/** Which of our messages this delivery is, whatever id the broker gave its copy. */
export function identityOf(delivery: Pick<Delivery, 'message'>): string {
  try {
    const parsed: unknown = JSON.parse(delivery.message.body)
    if (typeof parsed === 'object' && parsed !== null && 'is' in parsed && typeof parsed.is === 'string')
      return parsed.is
  } catch {
    // not ours: answered below
  }
  return `unknown body ${delivery.message.body.slice(0, 80)}`
}

/** Identities in the order given. */
export function identitiesOf(deliveries: readonly Pick<Delivery, 'message'>[]): string[] {
  return deliveries.map(identityOf)
}

/** A UUID that no other run, process or case uses. */
export function freshId(): string {
  return uuidV5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', Buffer.from(systemClock.randomBytes(16)).toString('hex'))
}
