import { maskedUrl } from '@switchyard/core'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { loadConfig } from '../load-config.ts'
import type { GlobalOptions } from '../open-yard.ts'
import { columns, type Terminal } from '../terminal.ts'

/** `switchyard config print`: the merged config, where the broker came from, secrets masked. Connects to nothing. */
export async function configPrint(terminal: Terminal, options: GlobalOptions): Promise<ExitCode> {
  const { file, config, broker, brokerFrom } = await loadConfig(options)
  const shown = typeof broker === 'string' ? maskedUrl(broker) : '(factory)'
  const jobs = config.jobs.map(({ name, queue, priority, timeoutMs, retry, key, tags }) => ({
    name,
    queue,
    priority,
    timeoutMs,
    maxAttempts: retry.maxAttempts,
    backoff: retry.backoff,
    keyed: key !== null,
    tags,
  }))
  if (options.json) {
    terminal.out(
      JSON.stringify({
        version: 1,
        file,
        broker: shown,
        brokerFrom,
        queues: config.queues ?? {},
        work: config.work ?? {},
        jobs,
      }),
    )
    return EXIT.ok
  }
  terminal.out(`config  ${file}\nbroker  ${shown}  (from ${brokerFrom})\n`)
  terminal.out(
    columns(
      ['job', 'queue', 'priority', 'attempts', 'timeout', 'key'],
      jobs.map((job) => [
        job.name,
        job.queue,
        job.priority,
        job.maxAttempts,
        `${job.timeoutMs / 1_000}s`,
        job.keyed ? 'yes' : 'no',
      ]),
    ),
  )
  return EXIT.ok
}
