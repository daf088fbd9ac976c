import { randomUUID } from 'node:crypto'
import { SQSClient } from '@aws-sdk/client-sqs'
import type { RunningBroker } from '@switchyard/brokers'
import {
  type Adapter,
  type AdapterHost,
  type BrokerError,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type Message,
  silentLogger,
  systemClock,
} from '@switchyard/core/adapter'
import { adapterFromUrl } from '@switchyard/sqs'

// fauxqs takes any
process.env.AWS_ACCESS_KEY_ID ??= 'test'
process.env.AWS_SECRET_ACCESS_KEY ??= 'test'

/** Core's defaults, unless a test is about them. */
export function hostOf(faults: BrokerError[], parts: Partial<AdapterHost> = {}): AdapterHost {
  const report = (fault: BrokerError) => void faults.push(fault)
  return { clock: systemClock, log: silentLogger, callDeadlineMs: 30_000, connectDeadlineMs: 10_000, report, ...parts }
}

/** An open adapter that closes itself, and what it reported. */
export interface Open extends AsyncDisposable {
  readonly adapter: Adapter
  readonly faults: readonly BrokerError[]
}

export async function openSqs(url: string, parts: Partial<AdapterHost> = {}): Promise<Open> {
  const faults: BrokerError[] = []
  const adapter = await adapterFromUrl(`${url}&pollMs=1000`)(hostOf(faults, parts))
  return { adapter, faults, [Symbol.asyncDispose]: () => adapter.close() }
}

/** A queue that nobody else has. */
export async function freshQueue(adapter: Adapter, leaseMs = 30_000): Promise<string> {
  const name = `t-${randomUUID()}`
  await adapter.declare({ name, leaseMs, ordered: false, dedupeMs: 0 })
  return name
}

export function letter(parts: Partial<Message> = {}): Message {
  return { id: randomUUID(), name: 'test', body: '{"n":1}', delayMs: 0, ...parts }
}

export function consumerOf(adapter: Adapter, queue: string, options: Partial<ConsumeOptions> = {}): Promise<Consumer> {
  return adapter.consume(queue, { leaseMs: 30_000, prefetch: 0, lost: () => undefined, ...options })
}

/** Exactly one, within 20 s. */
export async function takeOne(consumer: Consumer): Promise<Delivery> {
  const [delivery] = await consumer.receive(1, AbortSignal.timeout(20_000))
  if (delivery === undefined) throw new Error('nothing came within 20 s')
  return delivery
}

/** As another program would talk to it; a queue of ours is found by its native name. */
export function foreigner(broker: RunningBroker): { readonly client: SQSClient; urlOf(name: string): string } {
  const endpoint = new URL(broker.url).searchParams.get('endpoint') ?? ''
  return {
    client: new SQSClient({ region: 'us-east-1', endpoint, useQueueUrlAsEndpoint: false }),
    urlOf: (name) => `http://sqs.us-east-1.localhost/000000000000/${name}`,
  }
}
