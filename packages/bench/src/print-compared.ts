import { type ComparedRow, metRatio } from './compared-row.ts'
import { shown, table } from './print-table.ts'

/** The rows of one broker as a table. */
export function comparedTable(rows: readonly ComparedRow[]): string {
  return table(
    ['row', 'ours', 'rival', 'work', 'theirs', 'unit', 'CPU us/job', 'ratio', 'target', ''],
    rows.map((row) => [
      row.row,
      shown(row.ours),
      row.rival,
      row.comparison,
      row.theirs === null ? '-' : shown(row.theirs),
      row.unit,
      row.cpuUs === undefined ? '' : row.cpuUs.map((value) => value.toFixed(0)).join(' / '),
      row.ratio === null ? '-' : row.ratio.toFixed(2),
      row.least === undefined ? '' : `>= ${row.least.toFixed(2)}`,
      verdict(row),
    ]),
    [1, 4, 6, 7],
  )
}

function verdict(row: ComparedRow): string {
  const answer = metRatio(row)
  return answer === null ? '' : answer ? 'met' : 'NOT met'
}
