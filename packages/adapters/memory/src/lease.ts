import type { Delivery } from '@switchyard/core/adapter'
import type { Entry } from './entry.ts'

/** One lease of one message; the receipt of its delivery. Linked into its holder's list, oldest end first. */
export class Lease {
  readonly entry: Entry
  readonly delivery: Delivery
  readonly holder: LeaseList
  /** When the broker takes the message back (broker's clock); Infinity on a connection lease. */
  endsAt: number
  /** When the adapter by itself considers it over (host's clock): all that protects where the broker does not fence. */
  localEndsAt: number
  /** False as soon as it was settled, lapsed, given back or purged. */
  live = true
  /** Settled through this very receipt: the adapter knows, whatever the broker would accept. */
  spent = false
  previous: Lease | null = null
  next: Lease | null = null

  constructor(
    entry: Entry,
    holder: LeaseList,
    times: { leasedAt: number; endsAt: number; localEndsAt: number },
    lapses: number | null,
  ) {
    this.entry = entry
    this.holder = holder
    this.endsAt = times.endsAt
    this.localEndsAt = times.localEndsAt
    this.delivery = { message: entry.message, note: entry.note, lapses, leasedAt: times.leasedAt, receipt: this }
  }
}

/** The leases of one consumer. All have one length, so that appending keeps them sorted by their end. */
export class LeaseList {
  head: Lease | null = null
  #tail: Lease | null = null
  size = 0

  push(lease: Lease): void {
    // The tail ends before us unless the clock was set back; then walk.
    let after = this.#tail
    while (after !== null && after.endsAt > lease.endsAt) after = after.previous
    lease.previous = after
    lease.next = after === null ? this.head : after.next
    if (lease.next === null) this.#tail = lease
    else lease.next.previous = lease
    if (after === null) this.head = lease
    else after.next = lease
    this.size += 1
  }

  remove(lease: Lease): void {
    if (lease.previous === null) this.head = lease.next
    else lease.previous.next = lease.next
    if (lease.next === null) this.#tail = lease.previous
    else lease.next.previous = lease.previous
    lease.previous = null
    lease.next = null
    this.size -= 1
  }

  /** Oldest end first; the list may change while the caller works through the copy. */
  all(): Lease[] {
    const leases: Lease[] = []
    for (let lease = this.head; lease !== null; lease = lease.next) leases.push(lease)
    return leases
  }
}
