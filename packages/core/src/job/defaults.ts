/** Every default of Switchyard in one table (design.md 6). Durations in ms, sizes in bytes. */
export const DEFAULTS = {
  maxAttempts: 5,
  backoffBaseMs: 1_000,
  backoffMaxMs: 300_000,
  backoffFactor: 2,
  timeoutMs: 300_000,
  /** After the abort signal a handler has this long to end before its outcome is settled without it. */
  abortGraceMs: 5_000,
  stopGraceMs: 25_000,
  leaseMs: 30_000,
  /** Releases of a started job (shutdowns) that are free; each further one counts as an attempt. */
  maxReleases: 5,
  /** Leases of one copy that may end unsettled before it is dead with reason `crash-loop`. */
  maxLapses: 5,
  /** How often a job that this worker does not know, or that is newer, is put back before it is dead. */
  maxPutBacks: 20,
  putBackBaseMs: 1_000,
  putBackMaxMs: 60_000,
  concurrency: 10,
  weight: 1,
  prefetch: 0,
  maxPayloadBytes: 262_144,
  callDeadlineMs: 30_000,
  connectDeadlineMs: 10_000,
} as const
