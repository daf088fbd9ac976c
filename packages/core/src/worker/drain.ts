import type { Adapter, QueueStats } from '../adapter/adapter.ts'
import { BrokerError } from '../adapter/broker-error.ts'
import type { Clock } from '../runtime/clock.ts'

/** What a drain can promise about its end. */
export interface DrainReport {
  readonly started: number
  /** Every figure said zero and was exact; otherwise the queues were quiet for QUIET_MS and this says what was not known. */
  readonly certain: boolean
  readonly unknown: readonly string[]
  /** The signal (or a stop) ended the drain before the queues were empty. */
  readonly aborted: boolean
}

const LOOK_MS = 100
/** Where the broker cannot count delayed or leased jobs, or only by estimate, silence this long is taken as empty. */
const QUIET_MS = 5_000

/** What a drain looks at. */
export interface DrainParts {
  readonly adapter: Adapter
  readonly clock: Clock
  readonly queues: readonly string[]
  readonly running: () => number
  readonly started: () => number
  readonly signals: readonly AbortSignal[]
}

/**
 * Waits until all `queues` are empty as far as the broker can tell. While the broker is away it waits; it rejects with a
 * BrokerError only when looking again cannot help.
 */
export async function drained(parts: DrainParts): Promise<DrainReport> {
  const { clock, started } = parts
  const signal = AbortSignal.any([...parts.signals])
  let quietSince = clock.now()
  let quietLooks = 0
  while (!signal.aborted) {
    const before = parts.running() === 0 ? started() : null
    const { empty, unknown } = await look(parts)
    // One look sees queues one after the other: a job may move between two of them behind it. So it takes two.
    const quiet = empty && before !== null && started() === before && parts.running() === 0
    if (!quiet) {
      quietSince = clock.now()
      quietLooks = 0
    } else {
      quietLooks += 1
      const enough = unknown.length === 0 ? quietLooks > 1 : clock.now() - quietSince >= QUIET_MS
      if (enough) return { started: started(), certain: unknown.length === 0, unknown, aborted: false }
    }
    await clock.sleep(LOOK_MS, signal)
  }
  return { started: started(), certain: false, unknown: [], aborted: true }
}

interface Look {
  readonly empty: boolean
  readonly unknown: readonly string[]
}

async function look({ adapter, queues }: DrainParts): Promise<Look> {
  try {
    return judge(queues, await Promise.all(queues.map((queue) => adapter.stats(queue))))
  } catch (error) {
    if (error instanceof BrokerError && (error.retryable || error.maybeApplied)) return { empty: false, unknown: [] }
    throw error
  }
}

function judge(queues: readonly string[], all: readonly QueueStats[]): Look {
  let empty = true
  const unknown: string[] = []
  for (const [index, stats] of all.entries()) {
    for (const name of ['ready', 'delayed', 'leased'] as const) {
      const figure = stats[name]
      if (figure === null || !figure.exact) unknown.push(`${queues[index]}: ${name}`)
      if (figure !== null && figure.value > 0) empty = false
    }
  }
  return { empty, unknown }
}
