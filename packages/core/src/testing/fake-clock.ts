import { type Cancel, type Clock, nextTurnOfEventLoop, sleepOn } from '../runtime/clock.ts'

/** A clock that a test moves. Time stands still until `advance`; chance comes from the seed. */
export interface FakeClock extends Clock {
  /** Moves time forward, running due timers in order, and lets promises settle between them. */
  advance(ms: number): Promise<void>
  /** Moves time to the next timer and runs it; without one, lets promises settle. */
  advanceToNext(): Promise<void>
  /** Moves time without running timers, as a blocked event loop does; the next `advance` runs them late. */
  jump(ms: number): void
  /** Lets promises settle without moving time. */
  settle(): Promise<void>
  /** Timers that wait. */
  readonly pending: number
}

/** Turns of the event loop after each timer: promise chains across real I/O (SQLite) need more than one. */
const TURNS = 3

/** A fake clock that starts at `now` (epoch ms; default 2030-01-01) with a seed for `random` and `randomBytes`. */
export function fakeClock(options: { readonly now?: number; readonly seed?: number } = {}): FakeClock {
  let now = options.now ?? Date.UTC(2030, 0, 1)
  let order = 0
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>()
  const random = seeded(options.seed ?? 1)

  const settle = async () => {
    for (let turn = 0; turn < TURNS; turn++) await nextTurnOfEventLoop()
  }
  const schedule = (delayMs: number, run: () => void): Cancel => {
    const id = order++
    timers.set(id, { at: now + Math.max(0, delayMs), run })
    return () => void timers.delete(id)
  }
  const nextDue = (until: number) => {
    let due: { id: number; at: number; run: () => void } | null = null
    for (const [id, timer] of timers)
      if (timer.at <= until && (due === null || timer.at < due.at)) due = { id, ...timer }
    return due
  }
  const clock: FakeClock = {
    now: () => now,
    random,
    randomBytes: (size) => Uint8Array.from({ length: size }, () => Math.floor(random() * 256)),
    schedule,
    sleep: (delayMs, signal) => sleepOn(clock, delayMs, signal),
    settle,
    async advanceToNext() {
      await settle()
      const due = nextDue(Number.POSITIVE_INFINITY)
      if (due !== null) await clock.advance(Math.max(0, due.at - now))
    },
    jump(ms) {
      now += ms
    },
    get pending() {
      return timers.size
    },
    async advance(ms) {
      const until = now + ms
      await settle()
      for (let due = nextDue(until); due !== null; due = nextDue(until)) {
        timers.delete(due.id)
        now = Math.max(now, due.at)
        due.run()
        await settle()
      }
      now = until
    },
  }
  return clock
}

/** mulberry32 (public domain, Tommy Ettinger): small, fast, good enough for tests. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
