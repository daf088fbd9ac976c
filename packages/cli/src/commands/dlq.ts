import type { DeadFilter, DeadLetter, DeadReason } from '@switchyard/core'
import { forPeople, momentMs, wholeNumber } from '../duration.ts'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import { type GlobalOptions, openYard } from '../open-yard.ts'
import { columns, confirmed, printable, type Terminal } from '../terminal.ts'

/** Filter options shared by list, replay and discard. */
export interface DlqOptions extends GlobalOptions {
  readonly queue?: string
  readonly job?: string
  readonly since?: string
  readonly error?: string
  readonly reason?: string
  readonly limit?: string
  readonly all?: boolean
  readonly rate?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly because?: string
}

/** `switchyard dlq list`: dead letters, oldest first; changes nothing. */
export async function dlqList(terminal: Terminal, options: DlqOptions): Promise<ExitCode> {
  const { yard } = await openYard(options, undefined, 'look')
  await using _open = yard
  const page = await yard.deadLetters.list(filterOf(options, undefined), limitOf(options, 100))
  if (options.json) {
    terminal.out(
      JSON.stringify({
        version: 1,
        broker: yard.broker,
        retentionMs: finite(yard.capabilities.retentionMs.value),
        ...page,
      }),
    )
    return EXIT.ok
  }
  if (page.letters.length === 0) terminal.out(`no dead letters match (${page.scanned} looked at)`)
  else terminal.out(letterTable(page.letters))
  if (!page.complete) terminal.err('there are more: raise --limit or narrow the filter')
  const { retentionMs } = yard.capabilities
  if (Number.isFinite(retentionMs.value))
    terminal.err(`${yard.broker} drops dead letters after ${forPeople(retentionMs.value)}`)
  return EXIT.ok
}

/** `switchyard dlq show ID`: one letter with its payload and every known attempt. */
export async function dlqShow(terminal: Terminal, id: string, options: DlqOptions): Promise<ExitCode> {
  const { yard } = await openYard(options, undefined, 'look')
  await using _open = yard
  const letter = await yard.deadLetters.show(id, options.queue)
  if (options.json) {
    terminal.out(JSON.stringify({ version: 1, letter }))
    return EXIT.ok
  }
  const { envelope } = letter
  terminal.out(
    [
      `job        ${letter.job}`,
      `id         ${letter.jobId}`,
      `queue      ${letter.queue} (${envelope.priority})`,
      `reason     ${letter.reason}`,
      `died       ${new Date(letter.at).toISOString()}`,
      `enqueued   ${new Date(envelope.enqueuedAt).toISOString()}`,
      `attempts   ${letter.attempts}`,
      ...(envelope.key === undefined ? [] : [`key        ${printable(envelope.key)}`]),
      ...(envelope.replays === undefined ? [] : [`replayed   ${envelope.replays} times before`]),
      `payload    ${printable(JSON.stringify(envelope.payload))}`,
      ...(envelope.dead?.raw === undefined ? [] : [`raw body   ${printable(envelope.dead.raw)}`]),
      ...letter.failures.flatMap((failure) => [
        '',
        `attempt ${failure.attempt}  ${new Date(failure.at).toISOString()}  ${failure.class}${failure.code === undefined ? '' : `  ${printable(failure.code)}`}`,
        `  ${printable(failure.stack ?? `${failure.name}: ${failure.message}`)
          .split('\n')
          .join('\n  ')}`,
      ]),
    ].join('\n'),
  )
  return EXIT.ok
}

/** `switchyard dlq replay [ID]`: matching letters go back to where they came from. */
export async function dlqReplay(terminal: Terminal, id: string | undefined, options: DlqOptions): Promise<ExitCode> {
  return act(terminal, id, options, 'replay', async (yard, filter, search) => {
    const rate = options.rate === undefined ? {} : { perSecond: rateOf(options.rate) }
    return yard.deadLetters.replay(filter, { ...search, ...rate })
  })
}

/** `switchyard dlq discard [ID] --because TEXT`: matching letters are removed for good. */
export async function dlqDiscard(terminal: Terminal, id: string | undefined, options: DlqOptions): Promise<ExitCode> {
  const { because } = options
  if (because === undefined) throw new UsageError('dlq discard needs --because TEXT: say why, for whoever asks later')
  return act(terminal, id, options, 'discard', (yard, filter, search) =>
    yard.deadLetters.discard(filter, { ...search, reason: because }),
  )
}

type OpenYard = Awaited<ReturnType<typeof openYard>>['yard']

async function act(
  terminal: Terminal,
  id: string | undefined,
  options: DlqOptions,
  verb: 'replay' | 'discard',
  run: (
    yard: OpenYard,
    filter: DeadFilter,
    search: { limit?: number; dryRun?: boolean },
  ) => ReturnType<OpenYard['deadLetters']['replay']>,
): Promise<ExitCode> {
  const filter = filterOf(options, id)
  if (Object.keys(filter).length === 0 && options.all !== true) {
    throw new UsageError(
      `dlq ${verb}: give an ID or a filter (--queue, --job, --since, --error, --reason), or --all for every dead letter`,
    )
  }
  const { yard } = await openYard(options, undefined, 'look')
  await using _open = yard
  const search = limitOf(options, Number.POSITIVE_INFINITY)
  if (options.dryRun !== true && (verb === 'discard' || id === undefined)) {
    const preview = await run(yard, filter, { ...search, dryRun: true })
    const what = `${verb} ${preview.letters.length} dead letter${preview.letters.length === 1 ? '' : 's'}${preview.complete ? '' : ' or more'} on ${yard.broker}`
    if (preview.letters.length > 0) await confirmed(terminal, { yes: options.yes === true, what, type: verb })
  }
  const report = await run(yard, filter, { ...search, dryRun: options.dryRun === true })
  if (options.json) terminal.out(JSON.stringify({ version: 1, verb, ...report }))
  else {
    if (report.letters.length > 0) terminal.out(letterTable(report.letters))
    const done = report.dryRun
      ? `would ${verb} ${report.letters.length}`
      : `${verb === 'replay' ? 'replayed' : 'discarded'} ${report.done}`
    terminal.out(`${done}${report.complete ? '' : '; there may be more: run it again'}`)
    for (const { letter, why } of report.failed) terminal.err(`not done: ${letter.jobId} ${why}`)
  }
  if (id !== undefined && report.letters.length === 0) {
    terminal.err(`no dead letter ${id}`)
    return EXIT.violation
  }
  // A limit that was asked for is no surprise.
  const partial = !report.complete && options.limit === undefined && !report.dryRun
  return report.failed.length > 0 || partial ? EXIT.inconclusive : EXIT.ok
}

function filterOf(options: DlqOptions, id: string | undefined): DeadFilter {
  return {
    ...(id === undefined ? {} : { jobId: id }),
    ...(options.queue === undefined ? {} : { queue: options.queue }),
    ...(options.job === undefined ? {} : { job: options.job }),
    ...(options.since === undefined ? {} : { since: momentMs(options.since, '--since', Date.now()) }),
    ...(options.error === undefined ? {} : { error: pattern(options.error) }),
    ...(options.reason === undefined ? {} : { reason: reasonOf(options.reason) }),
  }
}

const REASONS: readonly DeadReason[] = [
  'attempts',
  'permanent',
  'rejected',
  'ambiguous',
  'deadline',
  'crash-loop',
  'poison',
  'unknown-job',
]

function reasonOf(text: string): DeadReason {
  const reason = REASONS.find((one) => one === text)
  if (reason === undefined) throw new UsageError(`--reason ${JSON.stringify(text)}: there are ${REASONS.join(', ')}`)
  return reason
}

/** `/…/` is a regular expression, anything else plain text. */
function pattern(text: string): string | RegExp {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/.exec(text) ?? []
  if (source === undefined) return text
  try {
    return new RegExp(source, flags)
  } catch (cause) {
    throw new UsageError(`--error ${text} is not a regular expression: ${(cause as Error).message}`, { cause })
  }
}

function limitOf(options: DlqOptions, fallback: number): { limit: number } {
  return { limit: options.limit === undefined ? fallback : wholeNumber(options.limit, '--limit', 1) }
}

/** `50/s` or `50`. */
function rateOf(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(?:\/(s|m|h))?$/.exec(text) ?? []
  const perSecond = Number(amount) / ({ s: 1, m: 60, h: 3_600 }[unit ?? 's'] ?? 1)
  if (amount === undefined || !(perSecond > 0))
    throw new UsageError(`--rate ${JSON.stringify(text)}: write 50/s, 10/m or 100/h`)
  return perSecond
}

function letterTable(letters: readonly DeadLetter[]): string {
  return columns(
    ['id', 'job', 'queue', 'died', 'reason', 'attempts', 'error'],
    letters.map((letter) => [
      letter.jobId,
      letter.job,
      letter.queue,
      new Date(letter.at).toISOString().slice(0, 19),
      letter.reason,
      letter.attempts,
      (letter.error ?? '').split('\n')[0]?.slice(0, 60) ?? '',
    ]),
  )
}

function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null
}
