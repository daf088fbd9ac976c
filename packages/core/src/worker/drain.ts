import type { Adapter, QueueStats } from '../adapter/adapter.ts'
import type { Clock } from '../runtime/clock.ts'

/** What a drain can promise about its end. */
export interface DrainReport {
  readonly started: number
  /** Every figure said zero and was exact; otherwise the queues were quiet for QUIET_MS and this says what was not known. */
  readonly certain: boolean
  readonly unknown: readonly string[]
  /** The signal ended the drain before the queues were empty. */
  readonly aborted: boolean
}

const LOOK_MS = 100
/** Where the broker cannot count delayed or leased jobs, or only by estimate, silence this long is taken as empty. */
const QUIET_MS = 5_000

/** Waits until all `queues` are empty as far as the broker can tell. */
export async function drained(parts: {
  readonly adapter: Adapter
  readonly clock: Clock
  readonly queues: readonly string[]
  readonly running: () => number
  readonly started: () => number
  readonly signal: AbortSignal
}): Promise<DrainReport> {
  const { adapter, clock, signal } = parts
  let quietSince = clock.now()
  let seen = parts.started()
  while (!signal.aborted) {
    const figures = await Promise.all(parts.queues.map((queue) => adapter.stats(queue)))
    const { empty, unknown } = judge(parts.queues, figures)
    const idle = parts.running() === 0 && parts.started() === seen
    if (!idle || !empty) {
      quietSince = clock.now()
      seen = parts.started()
    } else if (unknown.length === 0 || clock.now() - quietSince >= QUIET_MS) {
      return { started: parts.started(), certain: unknown.length === 0, unknown, aborted: false }
    }
    await clock.sleep(LOOK_MS, signal)
  }
  return { started: parts.started(), certain: false, unknown: [], aborted: true }
}

function judge(queues: readonly string[], all: readonly QueueStats[]) {
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
