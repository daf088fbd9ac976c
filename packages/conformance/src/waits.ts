import type { Capabilities } from '@switchyard/core/adapter'

/**
 * Wait classes: every deadline of every case, computed from the manifest. Cases wait for events; a deadline only says
 * when waiting has become a failure, so generous numbers cost nothing on a conforming adapter.
 */
export interface Waits {
  /** A ready message reaches an idle consumer. */
  readonly arrivalMs: number
  /** A lease of `leaseMs` has ended and the message is in somebody else's hands. */
  lapse(leaseMs: number): number
  /** How late a delayed message may be: the declared grain and what a busy machine adds. */
  readonly lateMs: number
  /** Jobs flow again after the broker answers (design.md 4: 15 s, plus a lapse of what was leased). */
  recovery(leaseMs: number): number
  /** How long silence must last to count as absence, after a sentinel has passed. */
  readonly quietMs: number
  /** What the seam grants to `receive` after an abort. */
  readonly abortMs: number
  /** The whole case. */
  readonly caseMs: number
}

/** A scheduler under load delays us by this much at most: 8 busy processes on 2 cores were seen to add 0.7 s. */
const BUSY_MACHINE_MS = 2_000

/** Computes the wait classes for one manifest. */
export function waitsFor(capabilities: Capabilities): Waits {
  const late = capabilities.maxLapseLateMs.value
  const grain = capabilities.delayGrainMs.value
  const arrivalMs = 10_000 + 2 * grain
  return {
    arrivalMs,
    lapse: (leaseMs) => (capabilities.lease.value === 'timed' ? leaseMs : 0) + late + BUSY_MACHINE_MS + arrivalMs,
    lateMs: grain + BUSY_MACHINE_MS,
    recovery: (leaseMs) => 15_000 + (capabilities.lease.value === 'timed' ? leaseMs : 0) + late + BUSY_MACHINE_MS,
    quietMs: Math.max(150, Math.min(2 * grain, 2_000)),
    abortMs: 50,
    caseMs: 90_000 + 2 * late,
  }
}
