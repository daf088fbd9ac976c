import { startBroker } from '@switchyard/brokers'
import { type AnyJob, type Capabilities, connect, maskedUrl, UnsupportedError } from '@switchyard/core'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type LoadedConfig, loadConfig } from '../load-config.ts'
import type { GlobalOptions } from '../open-yard.ts'
import { columns, type Terminal } from '../terminal.ts'
import { kindOf } from './broker.ts'

interface Seen {
  readonly url: string
  readonly name: string
  readonly capabilities: Capabilities
  /** What of this app's jobs and queues the broker refuses. */
  readonly refused: readonly { readonly job: string; readonly option: string; readonly message: string }[]
}

/**
 * `switchyard capabilities [A] [B]`: what the broker keeps; of two brokers, where they differ, and which of this app's jobs
 * each would refuse. Exit code 1 when a job is refused.
 */
export async function capabilities(
  terminal: Terminal,
  a: string | undefined,
  b: string | undefined,
  options: GlobalOptions,
): Promise<ExitCode> {
  const loaded = await loadConfig(options)
  const brokers = [a ?? loaded.broker, ...(b === undefined ? [] : [b])]
  await using started = new AsyncDisposableStack()
  const seen: Seen[] = []
  for (const broker of brokers) seen.push(await look(await urlOf(broker, started, terminal), loaded))
  const [first, second] = seen
  if (first === undefined) return EXIT.internal
  const names = (Object.keys(first.capabilities) as (keyof Capabilities)[]).filter(
    (name) => second === undefined || cell(first.capabilities, name) !== cell(second.capabilities, name),
  )
  if (options.json)
    terminal.out(JSON.stringify({ version: 1, brokers: seen, differ: second === undefined ? undefined : names }))
  else {
    const rows = names.map((name) => [
      name,
      ...seen.map((one) => cell(one.capabilities, name)),
      ...(second === undefined ? [first.capabilities[name].why] : []),
    ])
    const heads = seen.map((one) => (second !== undefined && first.name === second.name ? one.url : one.name))
    terminal.out(columns(['capability', ...heads, ...(second === undefined ? ['why'] : [])], rows))
    for (const one of seen) {
      for (const { message } of one.refused) terminal.out(`refused  ${message}`)
      if (one.refused.length === 0)
        terminal.out(`\n${one.name} takes all ${loaded.config.jobs.length} jobs of ${loaded.file}`)
    }
  }
  return seen.some((one) => one.refused.length > 0) ? EXIT.violation : EXIT.ok
}

/** A bare word (`postgres`) starts a private broker of that kind for as long as this command looks at it. */
async function urlOf(
  broker: LoadedConfig['broker'],
  started: AsyncDisposableStack,
  terminal: Terminal,
): Promise<LoadedConfig['broker']> {
  if (typeof broker !== 'string' || broker.includes(':')) return broker
  terminal.err(`starting a private ${broker} to look at ...`)
  return started.use(await startBroker(kindOf(broker))).url
}

/** Each job is checked by itself, so that one refusal does not hide the next. */
async function look(broker: LoadedConfig['broker'], { config, base }: LoadedConfig): Promise<Seen> {
  const refused: { job: string; option: string; message: string }[] = []
  const check = async (jobs: readonly AnyJob[]) => {
    const queues = Object.fromEntries(
      Object.entries(config.queues ?? {}).filter(([queue]) => jobs.some((job) => job.queue === queue)),
    )
    await using yard = await connect({ broker, jobs, base, queues })
    return { name: yard.broker, capabilities: yard.capabilities }
  }
  const { name, capabilities: all } = await check([])
  for (const job of config.jobs) {
    try {
      await check([job])
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error
      refused.push({ job: job.name, option: error.option ?? '', message: error.message })
    }
  }
  return { url: typeof broker === 'string' ? maskedUrl(broker) : `(factory) ${name}`, name, capabilities: all, refused }
}

function cell(all: Capabilities, name: keyof Capabilities): string {
  const { value, support } = all[name]
  if (support === 'unsupported') return '-'
  const text = Array.isArray(value) ? value.join(', ') : value === Number.POSITIVE_INFINITY ? 'any' : String(value)
  return support === 'emulated' ? `${text} (emulated)` : text
}
