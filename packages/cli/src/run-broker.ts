import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { BROKER_KINDS, type BrokerKind, type RunningBroker, startBroker } from '@switchyard/brokers'
import { UsageError } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

/** The broker of one chaos run; disposing it ends what was started for it. */
export interface RunBroker extends AsyncDisposable {
  readonly url: string
  /** Set when it was started for this run, so that the run may kill it. */
  readonly server?: RunningBroker
}

/**
 * A broker by word or by URL. `redis`, `rabbitmq`, `sqs` and `postgres` start a private server, `sqlite` is an empty file below `dir`, `memory`
 * lives in this process; a URL is somebody's broker, which is used and never killed. Throws UsageError for any other word,
 * BrokerUnavailable when there is no such server here.
 */
export async function openRunBroker(
  terminal: Terminal,
  { broker, dir, quiet }: { readonly broker: string | undefined; readonly dir: string; readonly quiet: boolean },
): Promise<RunBroker> {
  const word = broker ?? 'sqlite'
  if (word === 'sqlite') return { url: freshFile(dir), [Symbol.asyncDispose]: async () => {} }
  if (word === 'memory') return { url: 'memory:', [Symbol.asyncDispose]: async () => {} }
  if (word.includes(':')) return { url: word, [Symbol.asyncDispose]: async () => {} }
  const kind = BROKER_KINDS.find((one) => one === word)
  if (kind === undefined) {
    throw new UsageError(
      `--broker ${JSON.stringify(word)} is neither a URL nor one of ${BROKER_KINDS.join(', ')}, sqlite, memory`,
    )
  }
  return startServer(terminal, kind, quiet)
}

async function startServer(terminal: Terminal, kind: BrokerKind, quiet: boolean): Promise<RunBroker> {
  const say = (line: string): void => {
    if (!quiet) terminal.err(line)
  }
  const server = await startBroker(kind, { log: say })
  if (!server.controllable) say(`${kind}: this server comes from the environment, so it is used and not killed`)
  // The SQS server takes any, and the AWS client wants some; real ones must not travel to it.
  if (kind === 'sqs')
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'switchyard', AWS_SECRET_ACCESS_KEY: 'switchyard' })
  return {
    url: withShortLeases(kind, server.url),
    ...(server.controllable ? { server } : {}),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** Leases of a run are seconds: Postgres then has to look for lapsed ones more often than every five. */
function withShortLeases(kind: BrokerKind, url: string): string {
  if (kind !== 'postgres') return url
  const target = new URL(url)
  target.searchParams.set('monitorIntervalMs', '1000')
  return target.href
}

/** An empty embedded broker of this run's own. */
function freshFile(dir: string): string {
  const file = join(dir, 'broker.db')
  for (const suffix of ['', '-wal', '-shm', '-bells']) rmSync(`${file}${suffix}`, { recursive: true, force: true })
  return `sqlite:${file}`
}
