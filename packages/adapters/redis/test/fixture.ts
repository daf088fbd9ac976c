import { randomUUID } from 'node:crypto'
import type {
  Adapter,
  AdapterHost,
  BrokerError,
  ConsumeOptions,
  Consumer,
  Delivery,
  Message,
} from '@switchyard/core/adapter'
import { silentLogger, systemClock } from '@switchyard/core/adapter'
import { type RedisOptions, redis } from '@switchyard/redis'

/** An open adapter, what it reported, and a queue of its own. */
export interface Open extends AsyncDisposable {
  readonly adapter: Adapter<never>
  readonly faults: readonly BrokerError[]
}

/** Core's defaults, unless a test is about them. */
export function hostWith(faults: BrokerError[], changes: Partial<AdapterHost> = {}): AdapterHost {
  return {
    clock: systemClock,
    log: silentLogger,
    callDeadlineMs: 30_000,
    connectDeadlineMs: 10_000,
    report: (fault) => void faults.push(fault),
    ...changes,
  }
}

/** Opens an adapter that closes itself. */
export async function openRedis(options: RedisOptions, changes: Partial<AdapterHost> = {}): Promise<Open> {
  const faults: BrokerError[] = []
  const adapter = await redis({ stalledIntervalMs: 200, ...options })(hostWith(faults, changes))
  return { adapter, faults, [Symbol.asyncDispose]: () => adapter.close() }
}

/** A queue that nobody else has. */
export async function freshQueue(
  adapter: Adapter<never>,
  spec: { readonly leaseMs?: number; readonly ordered?: boolean; readonly dedupeMs?: number } = {},
): Promise<string> {
  const name = `t-${randomUUID()}`
  await adapter.declare({ name, leaseMs: 30_000, ordered: false, dedupeMs: 0, ...spec })
  return name
}

/** A message with a fresh id. */
export function message(parts: Partial<Message> = {}): Message {
  return { id: randomUUID(), name: 'test', body: '{"n":1}', delayMs: 0, ...parts }
}

/** A consumer with core's defaults. */
export function consumerOf(
  adapter: Adapter<never>,
  queue: string,
  options: Partial<ConsumeOptions> = {},
): Promise<Consumer<never>> {
  return adapter.consume(queue, { leaseMs: 30_000, prefetch: 0, lost: () => undefined, ...options })
}

/** Exactly one, within 15 s. */
export async function takeOne(consumer: Consumer<never>): Promise<Delivery> {
  const [delivery] = await consumer.receive(1, AbortSignal.timeout(15_000))
  if (delivery === undefined) throw new Error('nothing came within 15 s')
  return delivery
}
