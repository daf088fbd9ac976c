/** One figure of the table. */
export interface MeasuredRow {
  readonly group: string
  readonly name: string
  readonly value: number
  readonly unit: 'jobs/s' | 'ms' | '%' | 'MB' | 'x'
  /** What the issue asks for; absent: for orientation. */
  readonly target?: { readonly least?: number; readonly most?: number }
  /** Rounds that the median was taken of. */
  readonly rounds?: number
  readonly note?: string
}

/** Whether a row meets its target; null without one. */
export function met(row: MeasuredRow): boolean | null {
  if (row.target === undefined) return null
  const { least, most } = row.target
  return (least === undefined || row.value >= least) && (most === undefined || row.value <= most)
}

/** The middle of an odd number of measurements. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
