import { randomBytes } from 'node:crypto'

/** Stops a scheduled call that has not run yet; harmless afterwards. */
export type Cancel = () => void

/**
 * The only source of time, timers and chance in Switchyard. Everything that waits, measures or draws takes a Clock,
 * so that the simulator and tests can own all three. Adapters receive one through `AdapterHost`.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
  /** Unpredictable bytes, for ids. */
  randomBytes(size: number): Uint8Array
  /** Runs once after `delayMs` (any length; timers beyond 2^31 ms are chained). Keeps the process alive. */
  schedule(delayMs: number, run: () => void): Cancel
  /** Resolves after `delayMs`, or at once when `signal` aborts. Never rejects: look at the signal afterwards. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

/** setTimeout fires at once for anything longer (Node documentation, `setTimeout`). */
const LONGEST_TIMER_MS = 2_147_483_647

/** Node's own clock, timers and random numbers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  randomBytes: (size) => randomBytes(size),
  schedule,
  sleep: (delayMs, signal) => sleepOn(systemClock, delayMs, signal),
}

function schedule(delayMs: number, run: () => void): Cancel {
  if (delayMs <= LONGEST_TIMER_MS) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  }
  let cancel: Cancel = () => {}
  const timer = setTimeout(() => {
    cancel = schedule(delayMs - LONGEST_TIMER_MS, run)
  }, LONGEST_TIMER_MS)
  cancel = () => clearTimeout(timer)
  return () => cancel()
}

/** `sleep` for a clock that has `schedule`; shared by the system clock and the fake one. */
export function sleepOn(clock: Pick<Clock, 'schedule'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const onAbort = () => {
      cancel()
      resolve()
    }
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Resolves in the next turn of the event loop, after all promise reactions of this one. For fake clocks and tests. */
export function nextTurnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
