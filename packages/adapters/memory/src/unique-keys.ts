import type { Unique } from '@switchyard/core/adapter'
import type { Entry } from './entry.ts'
import { ExpiringKeys } from './expiring-keys.ts'

/** Who holds which `unique` key. One key space per queue: a key is taken, whichever scope took it. */
export class UniqueKeys {
  readonly #holders = new Map<string, Entry>()
  readonly #windows = new ExpiringKeys()

  taken({ key }: Unique, now: number): boolean {
    return this.#holders.has(key) || this.#windows.has(key, now)
  }

  /** The entry is admitted, or waits again: it holds its key unless somebody admitted meanwhile does. */
  waits(entry: Entry, unique: Unique): void {
    if ('while' in unique && !this.#holders.has(unique.key)) this.#holders.set(unique.key, entry)
  }

  /** A window runs from the send, whatever becomes of the message. */
  sent(unique: Unique, now: number): void {
    if ('windowMs' in unique) this.#windows.add(unique.key, now + unique.windowMs, now)
  }

  leased(entry: Entry, unique: Unique): void {
    if ('while' in unique && unique.while === 'queued') this.gone(entry, unique)
  }

  gone(entry: Entry, unique: Unique): void {
    if (this.#holders.get(unique.key) === entry) this.#holders.delete(unique.key)
  }

  /** A composed copy takes the place of its original. */
  replaced(original: Entry, copy: Entry, unique: Unique): void {
    if (this.#holders.get(unique.key) === original) this.#holders.set(unique.key, copy)
  }
}
