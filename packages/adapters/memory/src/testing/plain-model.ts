import type { Message, Settlement } from '@switchyard/core/adapter'

/** What a test sends. */
export type Sent = Message

interface Kept {
  readonly id: string
  readonly body: string
  readonly orderKey: string | undefined
  readonly seq: number
  note: string | null
  lapses: number
  dueAt: number
  state: 'ready' | 'delayed' | 'leased' | 'blocked'
}

/** A lease in the model. */
export interface ModelLease {
  readonly sent: Readonly<Pick<Kept, 'id' | 'body' | 'note' | 'lapses'>>
  readonly kept: Kept
  readonly who: number
  endsAt: number
  live: boolean
}

/** The memory queue as somebody would write it who cares for nothing but being right: lists, filters and sorts. */
export class PlainModel {
  #now = 0
  #seq = 0
  readonly #leaseMs: readonly number[]
  readonly #dedupeMs: number
  /** Everything present, in order of sending. */
  #all: Kept[] = []
  /** What is ready, in order of delivery. */
  #line: Kept[] = []
  /** Live leases, oldest grant or extension first. */
  #leases: ModelLease[] = []
  readonly #remembered = new Map<string, number>()

  constructor(options: { readonly leases: readonly number[]; readonly dedupeMs: number }) {
    this.#leaseMs = options.leases
    this.#dedupeMs = options.dedupeMs
  }

  send({ id, body, delayMs, orderKey }: Sent): 'accepted' | 'duplicate' {
    if (this.#all.some((one) => one.id === id) || (this.#remembered.get(id) ?? 0) > this.#now) return 'duplicate'
    const kept: Kept = {
      id,
      body,
      orderKey,
      seq: this.#seq++,
      note: null,
      lapses: 0,
      dueAt: this.#now + delayMs,
      state: 'blocked',
    }
    this.#all.push(kept)
    if (this.#isHead(kept)) this.#place(kept)
    return 'accepted'
  }

  receive(who: number, max: number): ModelLease[] {
    return this.#line.splice(0, max).map((kept) => {
      kept.state = 'leased'
      const { id, body, note, lapses } = kept
      const lease = {
        sent: { id, body, note, lapses },
        kept,
        who,
        endsAt: this.#now + (this.#leaseMs[who] ?? 0),
        live: true,
      }
      this.#leases.push(lease)
      return lease
    })
  }

  settle(
    lease: object,
    { kind, delayMs, note }: { kind: Settlement['kind']; delayMs: number; note: string | undefined },
  ): 'settled' | 'lost' {
    const held = this.#leases.find((one) => one === lease)
    if (held === undefined) return 'lost'
    this.#end(held)
    const { kept } = held
    if (kind === 'complete' || kind === 'move') {
      this.#gone(kept)
      this.#remembered.set(kept.id, this.#now + this.#dedupeMs)
      return 'settled'
    }
    if (note !== undefined) kept.note = note
    kept.dueAt = this.#now + delayMs
    this.#place(kept)
    return 'settled'
  }

  extend(lease: object): 'settled' | 'lost' {
    const held = this.#leases.find((one) => one === lease)
    if (held === undefined) return 'lost'
    held.endsAt = this.#now + (this.#leaseMs[held.who] ?? 0)
    this.#leases = [...this.#leases.filter((one) => one !== held), held]
    return 'settled'
  }

  /** Millisecond by millisecond: who is due, then whose lease ended, consumer by consumer. */
  advance(ms: number): void {
    for (const until = this.#now + ms; this.#now < until; ) {
      this.#now += 1
      const due = this.#all.filter((one) => one.state === 'delayed' && one.dueAt <= this.#now)
      for (const kept of due.sort((a, b) => a.dueAt - b.dueAt || a.seq - b.seq)) this.#place(kept)
      for (const who of this.#holders)
        for (const lease of this.#leases.filter((one) => one.who === who && one.endsAt <= this.#now)) {
          this.#end(lease)
          lease.kept.lapses += 1
          lease.kept.dueAt = this.#now
          this.#place(lease.kept)
        }
    }
  }

  /** Consumers in the order in which they were opened. */
  #holders: number[] = [0, 1]

  /** Closes and opens again: what it held goes back to the front, in the order of its leases. */
  close(who: number): void {
    const held = this.#leases.filter((one) => one.who === who)
    for (const lease of held) {
      this.#end(lease)
      lease.kept.state = 'ready'
    }
    this.#line.unshift(...held.map(({ kept }) => kept))
    this.#holders = [...this.#holders.filter((one) => one !== who), who]
  }

  purge(): void {
    for (const lease of [...this.#leases]) this.#end(lease)
    for (const { id } of this.#all) this.#remembered.delete(id)
    this.#all = []
    this.#line = []
  }

  counts(): { ready: number; leased: number; delayed: number } {
    const count = (...states: Kept['state'][]) => this.#all.filter(({ state }) => states.includes(state)).length
    return { ready: count('ready', 'blocked'), leased: count('leased'), delayed: count('delayed') }
  }

  #place(kept: Kept): void {
    kept.state = kept.dueAt > this.#now ? 'delayed' : 'ready'
    if (kept.state === 'ready') this.#line.push(kept)
  }

  #isHead(kept: Kept): boolean {
    return kept.orderKey === undefined || this.#all.find((one) => one.orderKey === kept.orderKey) === kept
  }

  #gone(kept: Kept): void {
    this.#all = this.#all.filter((one) => one !== kept)
    const next = this.#all.find((one) => one.orderKey === kept.orderKey)
    if (kept.orderKey !== undefined && next !== undefined) this.#place(next)
  }

  #end(lease: ModelLease): void {
    lease.live = false
    this.#leases = this.#leases.filter((one) => one !== lease)
  }
}
