import { readFileSync } from 'node:fs'
import type { EnqueueOptions } from '@switchyard/core'
import { durationMs } from '../duration.ts'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import { type GlobalOptions, openYard } from '../open-yard.ts'
import type { Terminal } from '../terminal.ts'

interface Options extends GlobalOptions {
  readonly delay?: string
  readonly at?: string
  readonly key?: string
  readonly id?: string
  readonly orderKey?: string
  readonly correlationId?: string
  readonly header?: readonly string[]
}

/** `switchyard enqueue NAME [JSON|@FILE|-]`: checks the payload against its schema and sends one job. */
export async function enqueue(
  terminal: Terminal,
  name: string,
  source: string | undefined,
  options: Options,
): Promise<ExitCode> {
  const { yard } = await openYard(options)
  await using _open = yard
  const definition = yard.jobs.find((job) => job.name === name)
  if (definition === undefined) {
    throw new UsageError(
      `no job ${JSON.stringify(name)} in the config; it has: ${yard.jobs.map((job) => job.name).join(', ') || 'none'}`,
    )
  }
  const { jobId, status } = await yard.enqueue(definition, payloadFrom(source), callOptions(options))
  if (yard.capabilities.survives.value === 'nothing') {
    terminal.err(`${yard.broker} keeps jobs only while this command runs: this one is gone now. Use another broker`)
  }
  if (options.json)
    terminal.out(JSON.stringify({ version: 1, jobId, status, job: name, queue: definition.queue, broker: yard.broker }))
  else terminal.out(`${status}  ${jobId}  ${name} -> ${definition.queue} (${yard.broker})`)
  return EXIT.ok
}

function payloadFrom(source: string | undefined): unknown {
  if (source === undefined) return {}
  let text = source
  try {
    if (source === '-') text = readFileSync(0, 'utf8')
    else if (source.startsWith('@')) text = readFileSync(source.slice(1), 'utf8')
  } catch (cause) {
    throw new UsageError(`the payload cannot be read from ${source}: ${(cause as Error).message}`, { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UsageError(
      `the payload is not JSON (${(cause as Error).message}); write '{"to":"a@example.org"}', @FILE or - for standard input`,
      { cause },
    )
  }
}

function callOptions(options: Options): EnqueueOptions {
  const headers = Object.fromEntries((options.header ?? []).map(header))
  return {
    ...(options.delay === undefined ? {} : { delayMs: durationMs(options.delay, '--delay') }),
    ...(options.at === undefined ? {} : { runAt: options.at }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(options.orderKey === undefined ? {} : { orderKey: options.orderKey }),
    ...(options.correlationId === undefined ? {} : { correlationId: options.correlationId }),
    ...(options.header === undefined ? {} : { headers }),
  }
}

function header(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--header ${JSON.stringify(text)}: write NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}
