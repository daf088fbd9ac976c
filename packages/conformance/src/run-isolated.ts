import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { systemClock } from '@switchyard/core/adapter'
import type { CaseResult } from './case.ts'
import { cases } from './cases/index.ts'
import { IMPORT_MS, START_MS } from './load-subject.ts'
import { combined, rounds } from './repeat.ts'
import type { Report } from './report.ts'
import { reportOf } from './report.ts'
import type { RunOptions } from './run-cases.ts'
import { chosenCases } from './run-cases.ts'
import type { RunMessage, RunTask } from './run-messages.ts'
import { SubjectUnusable } from './subject-unusable.ts'

/** What `runIsolated` is asked. */
export interface IsolatedOptions extends RunOptions {
  /** What the adapter or the subject prints, on either stream: it is never part of the report. */
  onPrint?(text: string): void
  /** Wait much less, for brokers in one process on an idle machine: see HASTY. */
  readonly hasty?: boolean
}

/** Above what the process says of itself: if that passes too, its event loop stands still. */
const MARGIN_MS = 10_000

/** What haste divides waiting by. */
const HASTE = 5

/** An adapter that ends its process again and again will not tell anything new. */
const MOST_ENDS = 5

/**
 * Runs the cases in a process of its own, with a watchdog: an adapter that blocks the event loop, calls `process.exit` or is killed
 * fails the case that ran, and the rest goes on in another process. Rejects with SubjectUnusable when the suite cannot begin.
 */
export async function runIsolated(subjectModule: string, options: IsolatedOptions = {}): Promise<Report> {
  const chosen = chosenCases(options.only)
  const { repeat = 1, seed = null } = options
  const startedAt = new Date()
  const plan = rounds(chosen, { repeat, seed }).map(({ id }) => id)
  const results: CaseResult[] = []
  const log: Log = { printed: 0, options, results, subject: subjectModule, end: null }
  for (let ends = 0; results.length < plan.length; ) {
    const before = results.length
    const ended = await runProcess(
      { subjectModule, ids: plan.slice(results.length), hasty: options.hasty ?? false },
      log,
    )
    if (ended === null) break
    ends += 1
    if (results.length === before) throw new SubjectUnusable('infrastructure', ended)
    if (ends < MOST_ENDS) continue
    for (const id of plan.slice(results.length))
      record(log, resultOf(id, 'infra-error', `not run: the process of the adapter ended ${ends} times`))
  }
  return reportOf({
    subject: log.subject,
    run: { only: options.only ?? null, repeat, seed },
    results: combined(chosen, results),
    unusedHooks: log.end?.unusedHooks ?? [],
    printed: log.printed,
    brokerVersion: log.end?.brokerVersion ?? null,
    manifest: log.end?.manifest ?? null,
    startedAt,
    clauses: cases.length,
  })
}

interface Log {
  printed: number
  subject: string
  end: Extract<RunMessage, { kind: 'end' }> | null
  readonly options: IsolatedOptions
  readonly results: CaseResult[]
}

function record({ results, options }: Log, result: CaseResult): void {
  results.push(result)
  options.onResult?.(result)
}

function resultOf(id: string, status: CaseResult['status'], why: string): CaseResult {
  return { id, title: cases.find((one) => one.id === id)?.title ?? '', status, why, ms: 0, facts: {} }
}

/** Resolves with null when all was run, otherwise with how the process ended early; the case that ran then has its result. */
async function runProcess(task: RunTask, log: Log): Promise<string | null> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const child = fork(new URL(`./run-main.${extension}`, import.meta.url), [JSON.stringify(task)], {
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let running: string | null = null
  let stage: 'import' | 'start' | 'cases' | 'end' = 'import'
  let silent: string | null = null
  let unusable: SubjectUnusable | null = null
  const haste = task.hasty ? HASTE : 1
  const limit = new Watchdog(MARGIN_MS / haste, (ms) => {
    silent = `it said nothing for ${ms} ms: its event loop is blocked`
    child.kill('SIGKILL')
  })
  limit.allow(IMPORT_MS / haste)
  listen(child, log)
  child.on('message', (message: RunMessage) => {
    if (message.kind === 'silent') return limit.allow(message.ms)
    limit.allow(message.kind === 'importing' ? IMPORT_MS / haste : START_MS)
    if (message.kind === 'starting') {
      stage = 'start'
      log.subject = message.subject
    } else if (message.kind === 'case') {
      stage = 'cases'
      running = message.id
    } else if (message.kind === 'result') {
      running = null
      record(log, message.result)
    } else if (message.kind === 'unusable') unusable = new SubjectUnusable(message.fault, message.why)
    else if (message.kind === 'end') {
      stage = 'end'
      log.end = message
    }
  })
  const [code, signal] = await new Promise<readonly [number | null, string | null]>((resolve) =>
    child.on('close', (code, signal) => resolve([code, signal])),
  )
  limit.stop()
  if (unusable !== null) throw unusable
  if (stage === ('end' as string)) return null
  const how = silent ?? `it ended with ${code === null ? signal : `exit code ${code}`}`
  if (stage === ('import' as string))
    throw new SubjectUnusable('definition', `importing subject ${task.subjectModule} takes its process down: ${how}`)
  if (running === null) return `the process of the subject died outside of every case: ${how}`
  const status = silent === null ? 'failed' : 'timeout'
  record(log, resultOf(running, status, `the process died while the case ran: ${how}`))
  return how
}

function listen(child: ChildProcess, log: Log): void {
  const tell = (chunk: Buffer) => log.options.onPrint?.(chunk.toString())
  child.stdout?.on('data', (chunk: Buffer) => {
    log.printed += chunk.toString().split('\n').length - 1
    tell(chunk)
  })
  child.stderr?.on('data', tell)
}

/** Bites when nobody allowed more time. */
class Watchdog {
  readonly #marginMs: number
  readonly #bite: (ms: number) => void
  #cancel: () => void = () => {}

  constructor(marginMs: number, bite: (ms: number) => void) {
    this.#marginMs = marginMs
    this.#bite = bite
  }

  allow(ms: number): void {
    this.#cancel()
    this.#cancel = systemClock.schedule(ms + this.#marginMs, () => this.#bite(ms + this.#marginMs))
  }

  stop(): void {
    this.#cancel()
  }
}
