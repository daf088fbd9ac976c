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

/** How long the suite waits before it calls something missing. Events end every wait, so that patience costs a conforming adapter nothing. */
export interface Patience {
  /** What a busy machine may add to anything: an allowance, not a measurement. */
  readonly busyMachineMs: number
  /** A ready message reaches a waiting consumer, on a broker without a grain. */
  readonly arrivalMs: number
  /** Jobs flow after the broker answers (design.md 4). */
  readonly recoveryMs: number
  /** A whole case. */
  readonly caseMs: number
}

/** For real brokers on a busy machine. */
export const PATIENT: Patience = { busyMachineMs: 2_000, arrivalMs: 10_000, recoveryMs: 15_000, caseMs: 90_000 }

/** For brokers in this process: used by the self-test, in which hundreds of cases must fail, and would wait that long each. */
export const HASTY: Patience = { busyMachineMs: 500, arrivalMs: 600, recoveryMs: 900, caseMs: 12_000 }

/** Computes the wait classes for one manifest. */
export function waitsFor(capabilities: Capabilities, patience: Patience = PATIENT): Waits {
  const { busyMachineMs, recoveryMs } = patience
  const late = capabilities.maxLapseLateMs.value
  const grain = capabilities.delayGrainMs.value
  const arrivalMs = patience.arrivalMs + 2 * grain
  return {
    arrivalMs,
    lapse: (leaseMs) => (capabilities.lease.value === 'timed' ? leaseMs : 0) + late + busyMachineMs + arrivalMs,
    lateMs: grain + busyMachineMs,
    recovery: (leaseMs) => recoveryMs + (capabilities.lease.value === 'timed' ? leaseMs : 0) + late + busyMachineMs,
    quietMs: Math.max(150, Math.min(2 * grain, 2_000)),
    abortMs: 50,
    caseMs: patience.caseMs + 2 * late,
  }
}
