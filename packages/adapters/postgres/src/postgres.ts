import type { Adapter, AdapterFactory, AdapterHost, Capabilities, Clock } from '@switchyard/core/adapter'
import { BrokerError, withDeadline } from '@switchyard/core/adapter'
import type { Clock as BossClock } from 'pg-boss'
import { PgBoss } from 'pg-boss'
import { browse, purge, stats } from './admin.ts'
import { capabilitiesOf } from './capabilities.ts'
import { consume, type PostgresConsumer } from './consumer.ts'
import { type Context, type PostgresTx, runCall } from './context.ts'
import { Database } from './database.ts'
import { type Durability, durabilityOf } from './durability.ts'
import { toBrokerError } from './errors.ts'
import { type PostgresOptions, type Settings, settingsOf } from './options.ts'
import { send } from './producer.ts'
import { Queues } from './queues.ts'
import { assertKnownSchema, KNOWN_SCHEMA } from './schema-version.ts'
import { Session } from './session.ts'
import { superviseWith } from './supervise.ts'

/**
 * Jobs in Postgres, in tables of pg-boss 12.35. Options are checked here (BrokerError `invalid`); nothing is opened before
 * the factory is called, which creates or migrates the schema, or fails typed within `connectDeadlineMs`.
 */
export function postgres(options: PostgresOptions): AdapterFactory<PostgresTx> {
  const settings = settingsOf(options, process.cwd())
  return (host) => open(settings, host)
}

/** What core's `connect({ broker: 'postgres://…' })` calls; relative certificate paths start at `base`. */
export function adapterFromUrl(url: string, base?: string): AdapterFactory<never> {
  const settings = settingsOf({ url }, base ?? process.cwd())
  return (host) => open(settings, host) as Promise<Adapter<never>>
}

async function open(settings: Settings, host: AdapterHost): Promise<Adapter<PostgresTx>> {
  const database = new Database(settings, host)
  const session = new Session(settings, host)
  const boss = new PgBoss({
    db: {
      executeSql: (text, values) => database.executeSql(text, values),
      listen: async (channel, _onNotification, _onReconnect) => {
        await session.open(channel)
        return { close: () => session.close() }
      },
    },
    schema: settings.schema,
    clock: bossClock(host.clock),
    useListenNotify: true,
    schedule: false,
    supervise: false, // superviseWith does it on the host's clock
    reindex: false,
    monitorVacuum: false,
    monitorIntervalSeconds: settings.monitorIntervalMs / 1_000,
    maintenanceIntervalSeconds: (4 * settings.monitorIntervalMs) / 1_000, // reads the whole table: only dedupe windows need it
    flowIntervalSeconds: 3_600, // flows are not used
  })
  boss.on('error', (error) => host.report(toBrokerError(error, { doing: 'maintain', writes: false })))
  boss.on('warning', ({ message }) => host.log.warn({ adapter: 'postgres' }, message))
  const context: Context = {
    host,
    settings,
    boss,
    database,
    session,
    queues: new Queues(boss),
    senders: new Map(),
    closed: false,
  }
  const late = () =>
    new BrokerError({
      code: 'timeout',
      adapter: 'postgres',
      message: `could not connect within ${host.connectDeadlineMs} ms. Is the server up and reachable from here?`,
    })
  let survives: Durability
  try {
    survives = await withDeadline(host.clock, host.connectDeadlineMs, start(context), late)
  } catch (error) {
    void shut(context)
    throw toBrokerError(error, { doing: 'connect', writes: false })
  }
  if (survives.value !== 'power-loss') host.log.warn({ adapter: 'postgres', survives: survives.value }, survives.why)
  return adapterOn(context, capabilitiesOf(settings, survives))
}

async function start(context: Context): Promise<Durability> {
  await assertKnownSchema(context.database, context.settings.schema)
  await context.boss.start()
  const version = await context.boss.schemaVersion()
  if (version !== KNOWN_SCHEMA)
    throw new BrokerError({
      code: 'version',
      adapter: 'postgres',
      message: `the pg-boss that is installed here made schema version ${version}; this adapter knows ${KNOWN_SCHEMA} (pg-boss 12.35.0)`,
    })
  return durabilityOf(context.database)
}

function adapterOn(context: Context, capabilities: Capabilities): Adapter<PostgresTx> {
  const consumers = new Set<PostgresConsumer>()
  const stopSupervising = superviseWith(context)
  let closing: Promise<void> | null = null
  const close = async () => {
    await Promise.all([...consumers].map((consumer) => consumer.close()))
    await stopSupervising()
    context.closed = true
    await shut(context)
  }
  return {
    name: 'postgres',
    capabilities,
    declare: (queue) =>
      runCall(context, { doing: 'declare', queue: queue.name, writes: true }, () => context.queues.declare(queue)),
    send: (queue, messages, tx) => send(context, queue, messages, tx),
    consume: async (queue, options) => {
      const consumer = await consume(context, queue, options, () => consumers.delete(consumer))
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

async function shut(context: Context): Promise<void> {
  context.closed = true
  await context.boss.stop({ graceful: false, close: false }).catch(() => undefined)
  await context.session.close()
  await context.database.close()
}

/** pg-boss's timers on the host's clock. */
function bossClock(clock: Clock): BossClock {
  const every = (run: () => void, ms: number) => {
    let cancel = () => {}
    const again = () => {
      cancel = clock.schedule(ms, () => {
        again()
        run()
      })
    }
    again()
    return () => cancel()
  }
  const stop = (cancel: unknown) => {
    if (typeof cancel === 'function') cancel()
  }
  return {
    now: () => clock.now(),
    setTimeout: (run, ms) => clock.schedule(ms, run),
    clearTimeout: stop,
    setInterval: every,
    clearInterval: stop,
  }
}
