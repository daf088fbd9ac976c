import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeEvent, HistoryError } from './decode-event.ts'
import type { HistoryEvent } from './history-event.ts'
import { historyFile } from './history-writer.ts'

/** The events of all processes of one run, in the order of the monotonic clock. */
export interface History {
  readonly events: readonly HistoryEvent[]
  /** Half-written last lines of processes that were killed: what they were about to say is not known. */
  readonly torn: number
}

/** Reads every `*.ndjson` of a run folder; throws HistoryError with file and line. */
export function readHistory(dir: string): History {
  const names = readdirSync(dir)
    .filter((name) => name.endsWith('.ndjson'))
    .sort()
  if (names.length === 0) throw new HistoryError(`${dir} holds no history (*.ndjson).`)
  const files = new Map(names.map((name) => [name, readFileSync(join(dir, name), 'utf8')]))
  return mergeHistory(files)
}

/**
 * Judges the files alone, then together: within a file the sequence has no gap and the clock never runs back, and a torn
 * last line is allowed only where another process saw this one end by a signal or a failure.
 */
export function mergeHistory(files: ReadonlyMap<string, string>): History {
  const parts = [...files].map(([name, content]) => readFile(name, content))
  const events = parts.flatMap((part) => part.events).sort(inTime)
  const died = new Set<string>()
  for (const event of events) {
    const unclean = event.kind === 'worker.exit' && (event.signal !== null || event.code !== 0)
    if (unclean) died.add(historyFile(event.worker, event.workerEpoch))
  }
  const torn = parts.filter((part) => part.torn !== null)
  for (const part of torn) {
    if (!died.has(part.name)) {
      throw new HistoryError(`${part.name}: its last line is torn, yet nobody saw that process killed: ${part.torn}`)
    }
  }
  return { events, torn: torn.length }
}

/** A history from events in memory, sorted; for tests and for the simulator. */
export function historyOf(events: readonly HistoryEvent[]): History {
  return { events: [...events].sort(inTime), torn: 0 }
}

interface Part {
  readonly name: string
  readonly events: HistoryEvent[]
  readonly torn: string | null
}

function readFile(name: string, content: string): Part {
  const lines = content.split('\n')
  const rest = lines.pop() ?? ''
  const events: HistoryEvent[] = []
  for (const [index, line] of lines.entries()) {
    const event = decodeAt(name, index, line)
    const last = events.at(-1)
    if (historyFile(event.proc, event.epoch) !== name) {
      throw new HistoryError(`${name}:${index + 1}: written by ${event.proc}, incarnation ${event.epoch}`)
    }
    if (event.seq !== events.length) throw new HistoryError(`${name}:${index + 1}: sequence ${event.seq} after a gap`)
    if (last !== undefined && event.atMs < last.atMs) {
      throw new HistoryError(`${name}:${index + 1}: the monotonic clock ran back`)
    }
    events.push(event)
  }
  return { name, events, torn: rest === '' ? null : JSON.stringify(rest.slice(0, 120)) }
}

function decodeAt(name: string, index: number, line: string): HistoryEvent {
  try {
    return decodeEvent(line)
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    throw new HistoryError(`${name}:${index + 1}: ${error.message}`, { cause: error })
  }
}

function inTime(a: HistoryEvent, b: HistoryEvent): number {
  if (a.proc === b.proc && a.epoch === b.epoch) return a.seq - b.seq
  return a.atMs - b.atMs || (a.proc < b.proc ? -1 : a.proc > b.proc ? 1 : a.epoch - b.epoch)
}
