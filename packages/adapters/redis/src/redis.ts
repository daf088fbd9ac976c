import {
  type Adapter,
  type AdapterFactory,
  type AdapterHost,
  BrokerError,
  withDeadline,
} from '@switchyard/core/adapter'
import { browse, purge, stats } from './admin.ts'
import { Bells } from './bells.ts'
import { capabilitiesOf } from './capabilities.ts'
import { consume, type RedisConsumer } from './consumer.ts'
import { type Context, runCall } from './context.ts'
import { ADAPTER, closedError, lateError, toBrokerError } from './errors.ts'
import { Lapses } from './lapses.ts'
import { Link } from './link.ts'
import { Mover } from './mover.ts'
import { type RedisOptions, type Settings, settingsOf } from './options.ts'
import { send } from './producer.ts'
import { Queues } from './queues.ts'
import { defineScripts } from './scripts.ts'
import { type ServerFacts, serverFacts } from './server-facts.ts'

/**
 * Jobs in Redis, as BullMQ 6.7 stores them. Options are checked here (BrokerError `invalid`); nothing is opened before the
 * factory is called, which connects or fails typed within `connectDeadlineMs`.
 */
export function redis(options: RedisOptions): AdapterFactory<never> {
  const settings = settingsOf(options, process.cwd())
  return (host) => open(settings, host)
}

/** What core's `connect({ broker: 'redis://…' })` calls; a relative `ca` starts at `base`. */
export function adapterFromUrl(url: string, base?: string): AdapterFactory<never> {
  const settings = settingsOf({ url }, base ?? process.cwd())
  return (host) => open(settings, host)
}

async function open(settings: Settings, host: AdapterHost): Promise<Adapter<never>> {
  const main = new Link(settings, host, 'main')
  defineScripts(main.redis)
  const call = { doing: 'connect', writes: false }
  const start = async () => {
    await main.open()
    await main.pulse()
    const facts = await serverFacts(main.redis)
    return { facts, queues: await Queues.open(main, settings) }
  }
  try {
    const { facts, queues } = await withDeadline(host.clock, host.connectDeadlineMs, start(), () =>
      lateError(host.connectDeadlineMs, call),
    )
    warn(host, facts)
    const mover = new Mover(settings, host)
    return adapterOn({ host, settings, main, queues, mover, closed: false }, facts)
  } catch (error) {
    main.close()
    throw toBrokerError(error, call)
  }
}

/** What is set on the server in a way that loses jobs is not silently lived with. */
function warn(host: AdapterHost, { warnings, version }: ServerFacts): void {
  for (const message of warnings) {
    host.log.warn({ adapter: ADAPTER, version }, message)
    host.report(new BrokerError({ adapter: ADAPTER, code: 'unsupported', message }))
  }
}

function adapterOn(context: Context, facts: ServerFacts): Adapter<never> {
  const consumers = new Set<RedisConsumer>()
  const bells = new Bells(context.settings, context.host, context.main)
  const services = { context, bells, lapses: new Lapses(context) }
  let closing: Promise<void> | null = null
  const close = async () => {
    await Promise.all([...consumers].map((consumer) => consumer.close()))
    context.closed = true
    context.mover.close()
    context.main.close()
  }
  return {
    name: ADAPTER,
    capabilities: capabilitiesOf(context.settings, facts.survives),
    declare: (queue) =>
      runCall(context, { doing: 'declare', queue: queue.name, writes: true }, () => context.queues.declare(queue)),
    send: (queue, messages, tx) => send(context, queue, messages, tx),
    consume: async (queue, options) => {
      const consumer = await consume(services, queue, options, () => consumers.delete(consumer))
      if (closing !== null) {
        await consumer.close()
        throw closedError('consume', queue)
      }
      consumers.add(consumer)
      return consumer
    },
    stats: (queue) => stats(context, queue),
    purge: (queue) => purge(context, queue),
    browse: (queue, page) => browse(context, queue, page),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}
