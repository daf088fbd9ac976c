/**
 * `pnpm bench [--broker memory|sqlite|redis|rabbitmq|sqs|postgres] [--quick] [--json|--markdown] [--rows process,latency] [--dir /dev/shm]`: figures of this
 * machine, and ratios against rivals taken in turns in the same run. Without --broker: the embedded brokers.
 */
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { BROKER_KINDS, type BrokerKind } from '@switchyard/brokers'
import { metRatio } from './compared-row.ts'
import type { RowKind } from './contender.ts'
import { RIVALS } from './contenders.ts'
import { type MeasuredRow, met } from './measured-row.ts'
import { comparedMarkdown, comparedTable } from './print-compared.ts'
import { embeddedTable } from './print-embedded.ts'
import { brokerRows } from './rows-broker.ts'
import { memoryRows } from './rows-memory.ts'
import { sqliteRows } from './rows-sqlite.ts'

const ROWS: readonly RowKind[] = ['enqueue', 'process', 'latency', 'idle', 'recovery', 'depth']

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    broker: { type: 'string' },
    rows: { type: 'string' },
    dir: { type: 'string' },
  },
})
const { quick, json, broker } = values
const load = () => loadavg().map((value) => Math.round(value * 100) / 100)
const machine = {
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  date: new Date().toISOString(),
  loadBefore: load(),
}

if (broker === undefined || broker === 'memory' || broker === 'sqlite') await embedded(broker)
else if (isBrokerKind(broker)) await against(broker)
else fail(`--broker ${broker} is not one of memory, sqlite, ${BROKER_KINDS.join(', ')}`)

async function embedded(only: string | undefined): Promise<void> {
  const rounds = quick ? 1 : 3
  const rows: MeasuredRow[] = []
  if (only !== 'sqlite') rows.push(...(await memoryRows(rounds)))
  if (only !== 'memory') rows.push(...(await sqliteRows(rounds, quick ? 100_000 : 1_000_000)))
  if (json) print({ rounds, rows: rows.map((row) => ({ ...row, met: met(row) })) })
  else console.log(`${headline()}, median of ${rounds}\n${embeddedTable(rows)}`)
}

async function against(kind: BrokerKind): Promise<void> {
  const log = (line: string) => console.error(line)
  const { dir } = values
  const place = dir === undefined ? {} : { dir }
  const { version, rows } = await brokerRows(kind, { quick, rows: wantedRows(), log, ...place })
  if (json) {
    print({ broker: kind, server: version, rows: rows.map((row) => ({ ...row, met: metRatio(row) })) })
    return
  }
  console.log(
    `${kind} ${version}${dir === undefined ? '' : `, data in ${dir}`}: ${headline()}\n${(values.markdown ? comparedMarkdown : comparedTable)(rows)}`,
  )
  for (const { name, comparison, note } of RIVALS[kind])
    if (note !== undefined) console.log(`${name} (${comparison}): ${note}`)
}

function wantedRows(): readonly RowKind[] {
  if (values.rows === undefined) return ROWS
  const wanted = values.rows.split(',')
  for (const one of wanted)
    if (!(ROWS as readonly string[]).includes(one)) fail(`--rows ${one} is not one of ${ROWS.join(', ')}`)
  return wanted as RowKind[]
}

function isBrokerKind(text: string): text is BrokerKind {
  return (BROKER_KINDS as readonly string[]).includes(text)
}

function headline(): string {
  const { cores, cpu, node, date, loadBefore } = machine
  return `${cores} x ${cpu}, Node ${node}, ${date}, load average ${loadBefore[0]} before, ${load()[0]} after`
}

function print(result: object): void {
  console.log(JSON.stringify({ version: 1, machine: { ...machine, loadAfter: load() }, ...result }, null, 2))
}

function fail(message: string): never {
  console.error(message)
  process.exit(64)
}
