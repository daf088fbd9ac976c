import type { Figure, QueueStats } from '@switchyard/core'
import { forPeople } from '../duration.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type GlobalOptions, openYard } from '../open-yard.ts'
import { columns, type Terminal } from '../terminal.ts'

/** `switchyard queues`: what waits, lane by lane. A figure with `~` is an estimate, `-` is one that the broker cannot give. */
export async function queues(terminal: Terminal, options: GlobalOptions): Promise<ExitCode> {
  const { yard } = await openYard(options, undefined, 'look')
  await using _open = yard
  const all = await Promise.all(yard.queues.map((plan) => yard.stats(plan.name)))
  if (options.json) {
    terminal.out(JSON.stringify({ version: 1, broker: yard.broker, queues: all }))
    return EXIT.ok
  }
  const rows = all.flatMap(({ queue, lanes, dead }) => [
    ...lanes.map(({ priority, stats }) => [queue, priority, ...cells(stats)]),
    [queue, 'dead', ...cells(dead)],
  ])
  terminal.out(columns(['queue', 'lane', 'ready', 'leased', 'delayed', 'oldest'], rows))
  return EXIT.ok
}

function cells(stats: QueueStats): (string | number)[] {
  const { oldestReadyMs } = stats
  const oldest = oldestReadyMs === null ? '-' : (stats.ready?.value ?? 1) === 0 ? '' : forPeople(oldestReadyMs.value)
  return [count(stats.ready), count(stats.leased), count(stats.delayed), oldest]
}

function count(figure: Figure | null): string | number {
  if (figure === null) return '-'
  return figure.exact ? figure.value : `~${figure.value}`
}
