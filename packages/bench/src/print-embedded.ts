import { type MeasuredRow, met } from './measured-row.ts'
import { shown, table } from './print-table.ts'

/** The rows of the embedded brokers as a table. */
export function embeddedTable(rows: readonly MeasuredRow[]): string {
  return table(
    ['', 'row', 'value', 'unit', 'target', ''],
    rows.map((row) => [row.group, row.name, shown(row.value), row.unit, targetOf(row), verdict(row)]),
    [2],
  )
}

function targetOf({ target }: MeasuredRow): string {
  if (target === undefined) return ''
  return target.least === undefined ? `<= ${target.most}` : `>= ${target.least.toLocaleString('en')}`
}

function verdict(row: MeasuredRow): string {
  const answer = met(row)
  return [answer === null ? '' : answer ? 'met' : 'NOT met', row.note ?? ''].filter(Boolean).join(', ')
}
