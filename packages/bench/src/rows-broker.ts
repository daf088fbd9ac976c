import type { BrokerKind } from '@switchyard/brokers'
import { deadName } from '@switchyard/core/adapter'
import { type BenchServer, startServer } from './bench-server.ts'
import { type ComparedRow, TARGETS } from './compared-row.ts'
import type { Contender, ContenderKind, RowKind } from './contender.ts'
import { switchyard } from './contender-switchyard.ts'
import { RIVALS } from './contenders.ts'
import { batchRate, fill, idleCosts, singleRate, startTimes, workRate } from './measure-contender.ts'
import { median } from './measured-row.ts'
import { recoveryMs } from './recovery.ts'

/** How much of everything. */
interface Amounts {
  readonly rounds: number
  readonly single: number
  readonly batched: number
  readonly process: readonly (readonly [concurrency: number, count: number])[]
  readonly seconds: number
  readonly depths: readonly number[]
}

/** Many short turns rather than a few long ones: what else the machine does then falls on both sides alike. SQS is several times slower than the others. */
function amountsOf(kind: BrokerKind, quick: boolean): Amounts {
  const part = (kind === 'sqs' ? 0.2 : 1) * (quick ? 0.4 : 1)
  const of = (count: number) => Math.ceil((count * part) / 100) * 100
  return {
    rounds: quick ? 3 : 5,
    single: of(6_000),
    batched: of(20_000),
    process: [
      [1, of(1_000)],
      [10, of(5_000)],
      [100, of(15_000)],
    ],
    seconds: quick ? 2 : 4,
    depths: [1_000, quick ? 30_000 : 300_000],
  }
}

/** The shortest lease that both sides can be told: pg-boss takes no heartbeat below ten seconds. RabbitMQ has the connection instead. */
const LEASE_MS: Readonly<Record<BrokerKind, number>> = { redis: 5_000, rabbitmq: 30_000, sqs: 5_000, postgres: 10_000 }

/** Everything of one broker, ours and each rival in turns on the same server in the same run. */
export async function brokerRows(
  kind: BrokerKind,
  options: {
    readonly quick: boolean
    /** Folder for the server's data, e.g. one in memory, so that a slow disk does not hide the rest. */
    readonly dir?: string
    /** Only these rows. */
    readonly rows: readonly RowKind[]
    /** Hears what is being measured. */
    readonly log: (line: string) => void
  },
): Promise<{ readonly version: string; readonly rows: readonly ComparedRow[] }> {
  const server = await startServer(kind, options.dir)
  try {
    const turns = new Turns(server, amountsOf(kind, options.quick), options.log)
    const rows: ComparedRow[] = []
    for (const row of options.rows) rows.push(...(await turns.measure(row)))
    return { version: server.version, rows }
  } finally {
    await server.stop()
  }
}

type Measure = (contender: Contender) => Promise<readonly (number | null)[]>

/** What the figures of one measurement are. */
interface Figures {
  readonly names: readonly string[]
  readonly unit: ComparedRow['unit']
  readonly smaller?: boolean
  readonly least?: number
  readonly rounds?: number
}

/** Takes turns: ours, each rival, ours again, … each time on an empty queue. */
class Turns {
  readonly #server: BenchServer
  readonly #amounts: Amounts
  readonly #log: (line: string) => void
  #queues = 0

  constructor(server: BenchServer, amounts: Amounts, log: (line: string) => void) {
    this.#server = server
    this.#amounts = amounts
    this.#log = log
  }

  async measure(row: RowKind): Promise<readonly ComparedRow[]> {
    const { single, batched, process: processed, seconds } = this.#amounts
    const floor = TARGETS.floor
    switch (row) {
      case 'enqueue':
        return [
          ...(await this.#turns(
            row,
            { names: ['enqueue singly, 100 in flight'], unit: 'jobs/s', least: floor },
            async (one) => singleRate(one, single),
          )),
          ...(await this.#turns(
            row,
            { names: ['enqueue, batches of 1,000'], unit: 'jobs/s', least: floor },
            async (one) => batchRate(one, batched),
          )),
        ]
      case 'process': {
        const rows: ComparedRow[] = []
        for (const [concurrency, count] of processed) {
          const least = concurrency >= 10 ? TARGETS.concurrent : floor
          const names = [`process, concurrency ${concurrency}`]
          rows.push(
            ...(await this.#turns(row, { names, unit: 'jobs/s', least }, async (one) => {
              await fill(one, count)
              return workRate(one, count, concurrency)
            })),
          )
        }
        return rows
      }
      case 'latency': {
        const names = ['enqueue to start at 200/s, p50', 'enqueue to start at 200/s, p99']
        const figures: Figures = {
          names,
          unit: 'ms',
          smaller: true,
          least: TARGETS.latency,
          rounds: Math.min(3, this.#amounts.rounds),
        }
        return this.#turns(row, figures, async (one) => {
          const { p50, p99 } = await startTimes(one, { perSecond: 200, seconds })
          return [p50, p99]
        })
      }
      case 'idle': {
        const measure = async (one: Contender) => {
          const { commands, cpu } = await idleCosts(one, this.#server, seconds + 2)
          return [commands, cpu]
        }
        const rows = await this.#turns(
          row,
          { names: ['idle, at the server', 'idle, CPU of the worker'], unit: '/s', smaller: true, rounds: 1 },
          measure,
        )
        return rows
          .filter(({ ours }) => !Number.isNaN(ours))
          .map((one) => (one.row.includes('CPU') ? { ...one, unit: '%' as const } : one))
      }
      case 'recovery':
        return this.#recovery()
      case 'depth':
        return this.#depth()
    }
  }

  #rivals(row: RowKind): readonly ContenderKind[] {
    return RIVALS[this.#server.kind].filter(({ absent }) => !absent?.includes(row))
  }

  async #turns(row: RowKind, figures: Figures, measure: Measure): Promise<readonly ComparedRow[]> {
    const kinds = [switchyard, ...this.#rivals(row)]
    const rounds = figures.rounds ?? this.#amounts.rounds
    const seen = new Map<ContenderKind, (readonly (number | null)[])[]>(kinds.map((kind) => [kind, []]))
    for (let round = 0; round < rounds; round++) {
      for (const kind of kinds) {
        const values = await this.#once(kind, measure)
        this.#log(
          `${figures.names[0]}, round ${round + 1}: ${kind.name} (${kind.comparison}) ${values.map(short).join(' / ')}`,
        )
        seen.get(kind)?.push(values)
      }
    }
    const ours = seen.get(switchyard) ?? []
    return figures.names.flatMap((name, index) =>
      this.#rivals(row).map((rival): ComparedRow => {
        const theirs = seen.get(rival) ?? []
        const ratios = theirs.map((values, round) => {
          const mine = ours[round]?.[index] ?? Number.NaN
          const other = values[index] ?? Number.NaN
          return figures.smaller ? other / mine : mine / other
        })
        return {
          row: name,
          unit: figures.unit,
          ours: middle(ours, index),
          rival: rival.name,
          comparison: rival.comparison === 'bare' ? 'bare' : 'equal',
          theirs: middle(theirs, index),
          ratio: median(ratios),
          rounds,
          ...(figures.unit === 'jobs/s' ? { cpuUs: [middle(ours, 1), middle(theirs, 1)] as const } : {}),
          ...(rival.comparison === 'equal' && figures.least !== undefined ? { least: figures.least } : {}),
        }
      }),
    )
  }

  async #once(kind: ContenderKind, measure: Measure): Promise<readonly (number | null)[]> {
    this.#queues += 1
    const queue = `bench-${this.#queues}`
    const contender = await kind.open(this.#server, { queue })
    try {
      return await measure(contender)
    } finally {
      await contender.close()
      await this.#server.clear(contender.place, [queue, deadName(queue)])
      globalThis.gc?.()
    }
  }

  /** All at the same time: they wait for leases to end, and need no CPU. */
  async #recovery(): Promise<readonly ComparedRow[]> {
    const leaseMs = LEASE_MS[this.#server.kind]
    const kinds = [switchyard, ...this.#rivals('recovery')]
    const took = await Promise.all(
      kinds.map((kind, index) => recoveryMs(this.#server, kind, { queue: `recovery-${index}`, leaseMs })),
    )
    this.#log(`recovery: ${kinds.map(({ name }, index) => `${name} ${Math.round(took[index] ?? 0)} ms`).join(', ')}`)
    const ours = took[0] ?? Number.NaN
    const lease = this.#server.kind === 'rabbitmq' ? '' : `, lease ${leaseMs / 1_000} s`
    return kinds.slice(1).map((rival, index): ComparedRow => {
      const theirs = took[index + 1] ?? Number.NaN
      return {
        row: `job of a killed worker starts again${lease}`,
        unit: 'ms',
        ours,
        rival: rival.name,
        comparison: 'equal',
        theirs,
        ratio: theirs / ours,
        rounds: 1,
      }
    })
  }

  async #depth(): Promise<readonly ComparedRow[]> {
    const rows: ComparedRow[] = []
    const rivals = this.#rivals('depth')
    for (const depth of this.#amounts.depths) {
      const count = Math.min(depth, 5_000)
      const names = [`process at concurrency 100 with ${depth.toLocaleString('en')} waiting`]
      const rounds = depth <= 1_000 ? 3 : 1
      rows.push(
        ...(await this.#turns('depth', { names, unit: 'jobs/s', rounds }, async (one) => {
          await fill(one, depth)
          return workRate(one, count, 100)
        })),
      )
    }
    const [first, last] = this.#amounts.depths
    const cost = rivals.map((rival): ComparedRow => {
      const of = (at: number) => rows.filter(({ rival: name }) => name === rival.name)[at]
      const ours = (of(0)?.ours ?? 0) / (of(1)?.ours ?? 0)
      const theirs = (of(0)?.theirs ?? 0) / (of(1)?.theirs ?? 0)
      const row = `cost per job, ${last?.toLocaleString('en')} against ${first?.toLocaleString('en')} waiting`
      return { row, unit: 'x', ours, rival: rival.name, comparison: 'equal', theirs, ratio: theirs / ours, rounds: 1 }
    })
    return [...rows, ...cost]
  }
}

function short(value: number | null): string {
  return value === null ? '-' : value >= 100 ? value.toFixed(0) : value.toFixed(2)
}

function middle(rounds: readonly (readonly (number | null)[])[], index: number): number {
  return median(rounds.map((values) => values[index] ?? Number.NaN))
}
