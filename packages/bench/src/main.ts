/** `pnpm bench [--quick] [--json] [--only memory|sqlite]`: figures of this machine, ratios against rivals taken in turns in the same run. */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { type MeasuredRow, met } from './measured-row.ts'
import { memoryRows } from './rows-memory.ts'
import { sqliteRows } from './rows-sqlite.ts'

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, only: { type: 'string' } },
})
const rounds = values.quick ? 1 : 3
const deepest = values.quick ? 100_000 : 1_000_000
const rows: MeasuredRow[] = []
if (values.only !== 'sqlite') rows.push(...(await memoryRows(rounds)))
if (values.only !== 'memory') rows.push(...(await sqliteRows(rounds, deepest)))

const machine = {
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  date: new Date().toISOString(),
}
if (values.json)
  console.log(
    JSON.stringify({ version: 1, machine, rounds, rows: rows.map((row) => ({ ...row, met: met(row) })) }, null, 2),
  )
else {
  const table = new Table({
    head: ['', 'row', 'value', 'unit', 'target', ''],
    style: { head: [], border: [] },
    colAligns: ['left', 'left', 'right', 'left', 'left', 'left'],
  })
  for (const row of rows) table.push([row.group, row.name, shown(row.value), row.unit, targetOf(row), verdict(row)])
  console.log(`${machine.cores} x ${machine.cpu}, Node ${machine.node}, ${machine.date}, median of ${rounds}`)
  console.log(table.toString())
}

function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)
}

function targetOf({ target }: MeasuredRow): string {
  if (target === undefined) return ''
  return target.least === undefined ? `<= ${target.most}` : `>= ${target.least.toLocaleString('en')}`
}

function verdict(row: MeasuredRow): string {
  const answer = met(row)
  return [answer === null ? '' : answer ? 'met' : 'NOT met', row.note ?? ''].filter(Boolean).join(', ')
}
