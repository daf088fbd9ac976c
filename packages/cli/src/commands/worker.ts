import {
  jsonLogger,
  type Logger,
  silentLogger,
  stopOnSignals,
  systemClock,
  type Worker,
  type WorkOptions,
} from '@switchyard/core'
import { wholeNumber } from '../duration.ts'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import { type GlobalOptions, openYard } from '../open-yard.ts'
import { printable, type Terminal } from '../terminal.ts'

interface Options extends GlobalOptions {
  readonly queues?: string
  readonly concurrency?: string
  readonly drain?: boolean
}

/**
 * `switchyard worker`: runs the config's handlers until SIGTERM or SIGINT (graceful), or with `--drain` until the queues are
 * empty. With `--json` each lifecycle event is one JSON line.
 */
export async function worker(terminal: Terminal, options: Options): Promise<ExitCode> {
  const log = options.json ? jsonLogger((line) => process.stdout.write(line), systemClock.now) : lines(terminal)
  const { yard, loaded } = await openYard(options, log)
  await using _open = yard
  const { config } = loaded
  const all = (await config.handlers?.()) ?? []
  const wanted = options.queues?.split(',').map((queue) => queue.trim())
  const handlers = wanted === undefined ? all : all.filter((handler) => wanted.includes(handler.definition.queue))
  if (handlers.length === 0) {
    const served =
      [...new Set(all.map((handler) => handler.definition.queue))].join(', ') || 'none: add handlers to the config'
    throw new UsageError(
      wanted === undefined ? 'the config has no handlers' : `no handler serves ${wanted.join(', ')}; served: ${served}`,
    )
  }
  const starting = yard.work(handlers, workOptions(config.work ?? {}, handlers, options))
  const interrupt = new AbortController()
  // Before the worker starts: a signal that comes while it does must stop it as gently as any later one.
  const letGo = stopOnSignals([{ stop: () => stopStarting(starting, interrupt, options.drain === true) }], {
    done: () => {},
  })
  try {
    const started = await starting
    if (options.drain) return await drainAll(terminal, started, interrupt.signal, options)
    await started.stopped
    return EXIT.ok
  } finally {
    letGo()
  }
}

/** A drain ends by its own signal, and then stops the worker itself. */
async function stopStarting(starting: Promise<Worker>, interrupt: AbortController, drains: boolean): Promise<void> {
  interrupt.abort()
  if (!drains) await (await starting).stop()
}

function workOptions(
  own: WorkOptions,
  handlers: readonly { readonly definition: { readonly queue: string } }[],
  options: Options,
): WorkOptions {
  const served = new Set(handlers.map((handler) => handler.definition.queue))
  const queues = Object.fromEntries(Object.entries(own.queues ?? {}).filter(([queue]) => served.has(queue)))
  const concurrency =
    options.concurrency === undefined ? own.concurrency : wholeNumber(options.concurrency, '--concurrency', 1)
  return { ...own, queues, ...(concurrency === undefined ? {} : { concurrency }) }
}

async function drainAll(terminal: Terminal, started: Worker, signal: AbortSignal, options: Options): Promise<ExitCode> {
  const report = await started.drain({ signal })
  if (options.json) terminal.out(JSON.stringify({ version: 1, drained: !report.aborted, ...report }))
  else if (report.aborted) terminal.err('interrupted before the queues were empty')
  else
    terminal.err(
      `drained: ${report.started} started${report.certain ? '' : `; not certain, the broker cannot count ${report.unknown.join(', ')}`}`,
    )
  return report.aborted || !report.certain ? EXIT.inconclusive : EXIT.ok
}

/** Events as calm lines for people: one word, the job, its id, what matters. */
function lines(terminal: Terminal): Logger {
  const say = (fields: Readonly<Record<string, unknown>>, message: string) => {
    const { event, job, jobId, workerId } = fields
    if (event === 'job.started' || event === 'job.enqueued') return
    const facts = Object.entries(fields)
      .filter(([name, value]) => !HIDDEN.has(name) && value !== null && value !== undefined)
      .map(([name, value]) => `${name}=${printable(shown(value))}`)
    const subject = job === undefined ? String(workerId ?? '') : `${String(job)} ${String(jobId)}`
    terminal.err([message.padEnd(16), subject, ...facts].join('  ').trimEnd())
  }
  return { ...silentLogger, info: say, warn: say, error: say }
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join(',')
  return typeof value === 'object' && value !== null
    ? String((value as { message?: unknown }).message ?? '')
    : String(value)
}

/** Said already by the line itself, or of no use to people. */
const HIDDEN: ReadonlySet<string> = new Set([
  'event',
  'job',
  'jobId',
  'workerId',
  'correlationId',
  'queue',
  'lapses',
  'concurrency',
])
