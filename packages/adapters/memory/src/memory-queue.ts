import type { Clock, Message, QueueSpec } from '@switchyard/core/adapter'
import { copyId } from '@switchyard/core/adapter'
import { Deque } from './deque.ts'
import { Entry } from './entry.ts'
import { ExpiringKeys } from './expiring-keys.ts'
import { Heap } from './heap.ts'
import type { Lease, LeaseList } from './lease.ts'
import { OrderKeys } from './order-keys.ts'
import type { Rules } from './rules.ts'
import { UniqueKeys } from './unique-keys.ts'

/** What a queue asks of a consumer. */
export interface Holder {
  readonly exclusive: boolean
  /** Gives what is ready to the receive that waits. */
  serve(now: number): void
  readonly leases: LeaseList
  /** Ends every lease that is over; answers when the next one ends (Infinity: none). */
  expire(now: number): number
  /** Tells `ConsumeOptions.lost`. */
  lost(leases: readonly Lease[]): void
}

/** What became of it: stored, swallowed because its id is known, or refused because of its `unique`. */
export type Admission = 'accepted' | 'duplicate' | 'unique'

/** How a message comes in. */
export interface AdmitOptions {
  /** What its delay counts from: the clock that `dueClock` names. */
  readonly dueFrom: number
  /** By a move: never refused for `unique`, because refusing would lose it. */
  readonly moved: boolean
}

/** One queue: structures and the steps that change them. Synchronous throughout, so that every step is atomic. */
export class MemoryQueue {
  spec: QueueSpec
  clock: Clock
  readonly ready: Deque<Entry> = new Deque<Entry>()
  readonly delayed: Heap<Entry> = new Heap<Entry>((a, b) => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.seq < b.seq))
  readonly keys: OrderKeys = new OrderKeys()
  readonly unique: UniqueKeys = new UniqueKeys()
  readonly holders: Set<Holder> = new Set<Holder>()
  /** Consumers whose receive waits, longest wait first. */
  readonly waiting: Set<Holder> = new Set<Holder>()
  leased = 0
  /** Entries in `ready` that are gone: an unfenced receipt completed them while they waited. */
  ghosts = 0
  /** When the timer next fires; every call looks first, so that a late timer delays nobody. */
  wakeAt: number = Infinity
  readonly #ids = new Map<string, Entry>()
  readonly #remembered = new ExpiringKeys()
  #cancel: (() => void) | null = null
  #seq = 0

  constructor(spec: QueueSpec, clock: Clock) {
    this.spec = spec
    this.clock = clock
  }

  /** Stores one message; the caller has checked the manifest and wakes the consumers afterwards. */
  admit(message: Message, rules: Rules, now: number, options: AdmitOptions): Admission {
    const { id, unique } = message
    if (rules.dedupe !== 'none') {
      if (this.#ids.has(id)) return 'duplicate'
      if (rules.dedupe === 'window' && this.#remembered.has(id, now)) return 'duplicate'
    }
    if (unique !== undefined) {
      if (!options.moved && this.unique.taken(unique, now)) return 'unique'
      this.unique.sent(unique, now)
    }
    const entry = new Entry(message, this.#seq++, now)
    if (message.delayMs > 0) entry.dueAt = due(options.dueFrom, message.delayMs, rules.delayGrainMs)
    this.#enter(entry, rules.dedupe !== 'none')
    // Also behind the head of its order key, where it is not scheduled yet: it is admitted, so it holds its unique key.
    if (unique !== undefined) this.unique.waits(entry, unique)
    if (entry.orderKey === undefined || this.keys.join(entry, entry.orderKey)) this.schedule(entry, now)
    return 'accepted'
  }

  /** A copy for a composed retry or release; it stands beside the original until that one is completed. */
  copy(original: Entry, note: string | null, dueAt: number, now: number): Entry {
    original.copies += 1
    const { message, orderKey, unique } = original
    const id = copyId(message.id, `${original.seq}-${original.copies}`)
    const entry = new Entry(
      {
        id,
        body: message.body,
        ...(orderKey === undefined ? {} : { orderKey }),
        ...(unique === undefined ? {} : { unique }),
      },
      this.#seq++,
      dueAt,
    )
    entry.note = note
    if (unique !== undefined) this.unique.replaced(original, entry, unique)
    this.#enter(entry, this.#ids.get(message.id) === original)
    if (orderKey === undefined || this.keys.joinBehindHead(entry, orderKey)) this.schedule(entry, now)
    return entry
  }

  /** The next message for a consumer, or undefined. */
  next(rules: Rules, now: number): Entry | undefined {
    for (;;) {
      if (rules.ordering === 'none' && this.ready.length > 1)
        this.ready.swap(Math.floor(this.clock.random() * this.ready.length))
      const entry = this.ready.shift()
      if (entry === undefined) return undefined
      if (entry.gone) {
        this.ghosts -= 1
        continue
      }
      if (rules.retentionMs !== Infinity && entry.dueAt + rules.retentionMs <= now) {
        this.remove(entry, now)
        continue
      }
      if (entry.unique !== undefined) this.unique.leased(entry, entry.unique)
      this.leased += 1
      return entry
    }
  }

  /** A lease ended; the caller says what becomes of the message. */
  unlease(lease: Lease): Entry {
    const { entry } = lease
    lease.live = false
    lease.holder.remove(lease)
    if (entry.lease === lease) entry.lease = null
    this.leased -= 1
    return entry
  }

  /** For good: completed, moved or purged. The next of its key may go. */
  remove(entry: Entry, now: number): void {
    entry.gone = true
    const { id } = entry.message
    if (this.#ids.get(id) === entry) {
      this.#ids.delete(id)
      if (this.spec.dedupeMs > 0) this.#remembered.add(id, now + this.spec.dedupeMs, now)
    }
    if (entry.unique !== undefined) this.unique.gone(entry, entry.unique)
    if (entry.orderKey === undefined) return
    const next = this.keys.leave(entry, entry.orderKey)
    if (next !== undefined) this.schedule(next, now)
  }

  /** Puts a message where its due time says; `front` is for what nobody has seen fail (handed back by close). */
  schedule(entry: Entry, now: number, { front = false }: { readonly front?: boolean } = {}): void {
    if (entry.unique !== undefined) this.unique.waits(entry, entry.unique)
    if (entry.dueAt > now) {
      this.delayed.push(entry)
      this.arm(entry.dueAt)
    } else if (front) this.ready.unshift(entry)
    else this.ready.push(entry)
  }

  /** Everything that time has changed by `now`, then whoever can be served. */
  tick(now: number): void {
    for (let entry = this.delayed.peek(); entry !== undefined && entry.dueAt <= now; entry = this.delayed.peek()) {
      this.delayed.pop()
      this.ready.push(entry)
    }
    let next = this.delayed.peek()?.dueAt ?? Infinity
    for (const holder of this.holders) next = Math.min(next, holder.expire(now))
    this.#disarm()
    this.arm(Math.min(next, this.delayed.peek()?.dueAt ?? Infinity))
    this.wake(now)
  }

  /** Serves waiting consumers while there is something ready. */
  wake(now: number): void {
    if (this.waiting.size === 0) return
    for (const holder of this.waiting) {
      if (this.ready.length === 0) return
      this.waiting.delete(holder)
      holder.serve(now)
    }
  }

  /** Makes sure that a timer fires no later than `at`. */
  arm(at: number): void {
    if (at >= this.wakeAt) return
    this.#cancel?.()
    this.wakeAt = at
    this.#cancel = this.clock.schedule(Math.max(0, at - this.clock.now()), () => {
      this.#cancel = null
      this.wakeAt = Infinity
      this.tick(this.clock.now())
    })
  }

  /** Nobody is connected: a timer would keep the process alive for nobody. The next connection ticks. */
  rest(): void {
    this.#disarm()
  }

  /** Without a trace: neither remembered nor unique any more. */
  forget(entry: Entry): void {
    if (this.#ids.get(entry.message.id) === entry) this.#ids.delete(entry.message.id)
    if (entry.unique !== undefined) this.unique.gone(entry, entry.unique)
  }

  #enter(entry: Entry, identified: boolean): void {
    if (identified) this.#ids.set(entry.message.id, entry)
  }

  #disarm(): void {
    this.#cancel?.()
    this.#cancel = null
    this.wakeAt = Infinity
  }
}

/** Due time on the declared grain: later, never earlier. */
export function due(now: number, delayMs: number, grainMs: number): number {
  const at = now + delayMs
  return grainMs > 1 ? Math.ceil(at / grainMs) * grainMs : at
}
