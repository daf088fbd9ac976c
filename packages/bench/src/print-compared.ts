import { type ComparedRow, metRatio } from './compared-row.ts'
import { shown, table } from './print-table.ts'

const HEAD = ['row', 'ours', 'rival', 'work', 'theirs', 'unit', 'CPU us/job', 'ratio', 'target', '']

/** The rows of one broker as a table. */
export function comparedTable(rows: readonly ComparedRow[]): string {
  return table(HEAD, rows.map(cells), [1, 4, 6, 7])
}

/** The same for docs/performance.md. */
export function comparedMarkdown(rows: readonly ComparedRow[]): string {
  const head = [...HEAD.slice(0, -1), 'met']
  const lines = [head, head.map(() => '---'), ...rows.map(cells)]
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n')
}

function cells(row: ComparedRow): readonly string[] {
  return [
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
  ]
}

function verdict(row: ComparedRow): string {
  const answer = metRatio(row)
  return answer === null ? '' : answer ? 'met' : 'NOT met'
}
