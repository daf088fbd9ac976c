import type { ExecutionTrail } from './timeline.ts'

/** The earliest moment at which the lease of this execution can have begun (monotonic ms). */
export function grantedAt({ lease, start }: ExecutionTrail): number {
  return lease === null ? start.atMs : lease.deliver.atMs - lease.deliver.ageMs
}

/**
 * Time at `toMs` since the lease last surely began: the broker cannot have ended it by the clock before `leaseMs` of that have passed.
 * Renewals count from their call, since a process that is frozen in the reply writes it down too late.
 */
export function sinceLease(execution: ExecutionTrail, toMs: number): number {
  const renewals = execution.lease?.extends ?? []
  const begun = renewals.filter(({ result }) => result === 'settled').map(({ atMs, tookMs }) => atMs - tookMs)
  return toMs - Math.max(grantedAt(execution), ...begun.filter((atMs) => atMs <= toMs))
}
