import type { RunningBroker } from '@switchyard/brokers'
import {
  type Adapter,
  type AdapterHost,
  type BrokerError,
  type Consumer,
  type Delivery,
  type Message,
  silentLogger,
  systemClock,
} from '@switchyard/core/adapter'
import { type RabbitmqOptions, rabbitmq } from '@switchyard/rabbitmq'
import { type Channel, connect } from 'amqplib'

/** Opens adapters on one broker, remembers what they report, and closes everything. */
export class Bed implements AsyncDisposable {
  readonly faults: BrokerError[] = []
  readonly lost: Delivery[] = []
  readonly #broker: RunningBroker
  readonly #adapters: Adapter[] = []

  constructor(broker: RunningBroker) {
    this.#broker = broker
  }

  async open(options: Partial<RabbitmqOptions> = {}, host: Partial<AdapterHost> = {}): Promise<Adapter> {
    const adapter = await rabbitmq({ url: this.#broker.url, ...options })(hostOf(this.faults, host))
    this.#adapters.push(adapter)
    return adapter
  }

  /** A queue of its own name on a new connection. */
  async queue(options: Partial<RabbitmqOptions> = {}): Promise<{ adapter: Adapter; queue: string }> {
    const adapter = await this.open(options)
    const queue = freshName()
    await declare(adapter, queue)
    return { adapter, queue }
  }

  consume(
    adapter: Adapter,
    queue: string,
    options: { prefetch?: number; exclusive?: boolean } = {},
  ): Promise<Consumer> {
    return adapter.consume(queue, {
      leaseMs: 30_000,
      prefetch: 0,
      lost: (some) => void this.lost.push(...some),
      ...options,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const adapter of this.#adapters) await adapter.close()
  }
}

export function hostOf(faults: BrokerError[], parts: Partial<AdapterHost> = {}): AdapterHost {
  const report = (fault: BrokerError) => void faults.push(fault)
  return { clock: systemClock, log: silentLogger, callDeadlineMs: 30_000, connectDeadlineMs: 10_000, report, ...parts }
}

export async function declare(adapter: Adapter, name: string): Promise<void> {
  await adapter.declare({ name, leaseMs: 30_000, ordered: false, dedupeMs: 0 })
}

export function freshName(): string {
  return `t-${crypto.randomUUID().slice(0, 13)}`
}

export function letter(parts: Partial<Message> = {}): Message {
  const id = crypto.randomUUID()
  return { id, name: 'test', body: JSON.stringify({ id }), delayMs: 0, ...parts }
}

export function letters(count: number, parts: Partial<Message> = {}): Message[] {
  return Array.from({ length: count }, () => letter(parts))
}

/** Exactly `count` deliveries, or what came until the deadline. */
export async function take(consumer: Consumer, count: number, withinMs = 20_000): Promise<Delivery[]> {
  const signal = AbortSignal.timeout(withinMs)
  const got: Delivery[] = []
  while (got.length < count && !signal.aborted) got.push(...(await consumer.receive(count - got.length, signal)))
  return got
}

/** Asks again until it holds; for what other processes do. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 20_000,
): Promise<void> {
  const until = systemClock.now() + withinMs
  while (!(await holds())) {
    if (systemClock.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`)
    await systemClock.sleep(50)
  }
}

/** Works on a plain amqplib channel, as another program would. */
export async function asForeigner<Value>(url: string, work: (channel: Channel) => Promise<Value>): Promise<Value> {
  const connection = await connect(url, { timeout: 5_000 })
  connection.on('error', () => {})
  try {
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    const value = await work(channel)
    // Through the channel's own write buffer, behind what was published.
    await channel.close().catch(() => {})
    return value
  } finally {
    await connection.close().catch(() => {})
  }
}
