import { type Clock, withDeadline } from '@switchyard/core/adapter'
import { lateError } from './errors.ts'
import type { Link } from './link.ts'

/** One BZPOPMIN. BullMQ stays below 10 s because of lost connections (its #1658); ours is watched from outside. */
const BLOCK_MS = 10_000
/** How late its answer may be before the connection counts as dead. */
const SLACK_MS = 2_000

/** What a bell needs. */
export interface BellParts {
  readonly clock: Clock
  /** For what must not wait: UNBLOCK and handing back. */
  readonly main: Link
  /** The bell's own connection. */
  readonly waiting: Link
}

/**
 * Waits for the markers that BullMQ leaves where a job became ready, of all queues of one hash tag on one connection. Waiting
 * holds no job, so that it may be cut at any time: by CLIENT UNBLOCK, and a marker that was popped for nobody goes back,
 * because another worker would miss it (5 s seen, seam.md 1a).
 */
export class Bell {
  readonly #parts: BellParts
  readonly #waiters = new Map<string, Set<() => void>>()
  #clientId: number | null = null
  /** Keys of the BZPOPMIN under way. */
  #asked: ReadonlySet<string> = new Set()
  #flight = 0
  #run: Promise<void> | null = null
  #closed = false

  constructor(parts: BellParts) {
    this.#parts = parts
    parts.waiting.redis.on('close', () => {
      this.#clientId = null // every connection has its own
    })
  }

  /** Calls `ring` once, when `key` may hold a marker. Returns the way to stop waiting. */
  wait(key: string, ring: () => void): () => void {
    const rings = this.#waiters.get(key) ?? new Set()
    this.#waiters.set(key, rings.add(ring))
    if (this.#run === null) this.#run = this.#loop()
    else if (this.#asked.size > 0 && !this.#asked.has(key)) void this.#interrupt()
    return () => {
      if (!rings.delete(ring)) return
      if (rings.size === 0 && this.#waiters.get(key) === rings) this.#waiters.delete(key)
      if (this.#waiters.size === 0) void this.#interrupt()
    }
  }

  /** A marker for others: what we knew, and are not there to act on. */
  handBack(key: string, marker: { readonly member: string; readonly score: number }): void {
    // a lost marker costs others their floor of five seconds, no job
    this.#parts.main.redis.zadd(key, 'NX', marker.score, marker.member).catch(() => undefined)
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#waiters.clear()
    if (this.#run !== null) {
      void this.#interrupt()
      const { clock } = this.#parts
      const call = { doing: 'stop waiting', writes: false }
      await withDeadline(clock, 500, this.#run, () => lateError(500, call)).catch(() => undefined)
    }
    this.#parts.waiting.close()
  }

  async #loop(): Promise<void> {
    while (this.#waiters.size > 0 && !this.#closed) {
      if (await this.#known()) await this.#once()
    }
    this.#run = null
  }

  /** Ready, and with the id that UNBLOCK needs. Whoever waits polls meanwhile. */
  async #known(): Promise<boolean> {
    const { waiting } = this.#parts
    if (!waiting.isReady) await waiting.untilReady(1_000)
    if (!waiting.isReady) return false
    if (this.#clientId !== null) return true
    try {
      const id = await waiting.redis.client('ID')
      if (!waiting.isReady) return false
      this.#clientId = id
      // what was left while nobody listened has been popped by the dead connection, perhaps
      for (const key of [...this.#waiters.keys()]) this.#ring(key)
      return this.#waiters.size > 0
    } catch {
      await waiting.untilReady(1_000)
      return false
    }
  }

  async #once(): Promise<void> {
    const { clock, waiting } = this.#parts
    const keys = [...this.#waiters.keys()]
    this.#asked = new Set(keys)
    this.#flight += 1
    const limitMs = BLOCK_MS + SLACK_MS
    const asking = waiting.redis.bzpopmin(...keys, BLOCK_MS / 1_000)
    let popped: readonly string[] | null
    try {
      popped = await withDeadline(clock, limitMs, asking, () => lateError(limitMs, { doing: 'wait', writes: false }))
    } catch {
      this.#asked = new Set()
      if (waiting.isReady) {
        waiting.reset() // it answers nothing any more
        await clock.sleep(50)
      }
      return
    }
    this.#asked = new Set()
    const [key, member, score] = popped ?? []
    if (key === undefined || member === undefined) return
    if (!this.#ring(key)) this.handBack(key, { member, score: Number(score) })
  }

  #ring(key: string): boolean {
    const rings = this.#waiters.get(key)
    if (rings === undefined || rings.size === 0) return false
    this.#waiters.delete(key)
    for (const ring of [...rings]) {
      rings.delete(ring)
      ring()
    }
    return true
  }

  /** Ends the BZPOPMIN under way, which may still be on its way to the server. */
  async #interrupt(): Promise<void> {
    const { clock, main } = this.#parts
    const flight = this.#flight
    while (flight === this.#flight && this.#asked.size > 0 && this.#clientId !== null) {
      const freed = await main.redis.client('UNBLOCK', this.#clientId).catch(() => 1)
      if (freed === 1) return
      await clock.sleep(1)
    }
  }
}
