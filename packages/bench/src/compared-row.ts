/** One row against one rival. */
export interface ComparedRow {
  readonly row: string
  readonly unit: 'jobs/s' | 'ms' | '%' | '/s' | 'x'
  readonly ours: number
  readonly rival: string
  readonly comparison: 'equal' | 'bare'
  /** Null where the rival takes no part; `note` says why. */
  readonly theirs: number | null
  /** Median of the ratios of the rounds, larger is better for us: ours / theirs for rates, theirs / ours for times and costs. */
  readonly ratio: number | null
  readonly rounds: number
  /** CPU of the client process per job in microseconds, median: ours and theirs. */
  readonly cpuUs?: readonly [ours: number, theirs: number]
  /** Least ratio that the issue asks for; absent: for orientation. */
  readonly least?: number
}

/** What issue 3 asks of equal work: 0.9 at concurrency 10 and above, latency at most 1.5 times, nothing below 0.7. */
export const TARGETS = { concurrent: 0.9, latency: 1 / 1.5, floor: 0.7 } as const

/** Whether a row meets its target; null without one. */
export function metRatio({ least, ratio }: ComparedRow): boolean | null {
  return least === undefined || ratio === null ? null : ratio >= least
}
