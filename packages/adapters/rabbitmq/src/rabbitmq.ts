import {
  type Adapter,
  type AdapterFactory,
  type AdapterHost,
  BrokerError,
  type ConsumeOptions,
  type Message,
  type QueueSpec,
  type QueueStats,
  type SendResult,
} from '@switchyard/core/adapter'
import { MAX_BODY_BYTES, rabbitmqCapabilities } from './capabilities.ts'
import { RabbitmqConsumer } from './consumer.ts'
import { ADAPTER, closedError, refuseTx } from './errors.ts'
import { Link } from './link.ts'
import { type RabbitmqOptions, type Target, toTarget } from './options.ts'
import { Publisher } from './publisher.ts'
import { Topology } from './topology.ts'
import { toOutgoing } from './wire.ts'

/**
 * RabbitMQ 3.10 or later. Options are checked when the factory runs.
 * @throws BrokerError (from the factory) `invalid`, `unavailable`, `forbidden`, `version`
 */
export function rabbitmq(options: RabbitmqOptions): AdapterFactory<never> {
  return async (host) => {
    const adapter = new RabbitmqAdapter(host, toTarget(options))
    await adapter.open()
    return adapter
  }
}

/** For `connect({ broker: 'amqp://…' })`. `base`, the folder of the configuration, means nothing here. */
export function adapterFromUrl(url: string, _base?: string): AdapterFactory<never> {
  return rabbitmq({ url })
}

class RabbitmqAdapter implements Adapter<never> {
  readonly name = ADAPTER
  readonly capabilities: Adapter['capabilities']
  readonly #host: AdapterHost
  readonly #topology: Topology
  /** Consuming, settling and declaring; publishing has a connection of its own (see Publisher). */
  readonly #link: Link
  readonly #publishing: Link
  readonly #publisher: Publisher
  readonly #consumers = new Set<RabbitmqConsumer>()
  #closing: Promise<void> | null = null

  constructor(host: AdapterHost, target: Target) {
    this.#host = host
    this.capabilities = rabbitmqCapabilities(target)
    const topology = new Topology({ host, prefix: target.prefix, unitMs: target.delayUnitMs })
    this.#topology = topology
    this.#link = new Link({ host, target, purpose: 'consuming', prepare: (session) => topology.restore(session) })
    this.#publishing = new Link({ host, target, purpose: 'publishing', prepare: async () => {} })
    this.#publisher = new Publisher({ host, link: this.#publishing, control: this.#link, topology })
  }

  async open(): Promise<void> {
    const opened = await Promise.allSettled([this.#link.open(), this.#publishing.open()])
    const failed = opened.find((one) => one.status === 'rejected')
    if (failed === undefined) return
    await Promise.all([this.#link.close(), this.#publishing.close()])
    throw failed.reason
  }

  async declare({ name, ordered, dedupeMs }: QueueSpec): Promise<void> {
    this.#refuseClosed(name)
    if (ordered || dedupeMs > 0) {
      const what = ordered ? 'order keys' : 'a dedupe window'
      throw new BrokerError({ adapter: ADAPTER, queue: name, code: 'unsupported', message: `RabbitMQ has no ${what}` })
    }
    await this.#topology.declare(this.#link, name)
  }

  async send(queue: string, messages: readonly Message[], tx?: never): Promise<readonly SendResult[]> {
    refuseTx(queue, tx)
    this.#refuseClosed(queue)
    const refusals = messages.map((message) => this.#refusal(queue, message))
    const to = this.#topology.queue(queue)
    const parcels = messages
      .filter((_, index) => refusals[index] === null)
      .map((one) => ({ queue, ...toOutgoing(to, one) }))
    const answers = (await this.#publisher.publish(parcels, this.#host.callDeadlineMs)).values()
    return refusals.map((refusal) => refusal ?? answers.next().value ?? 'accepted')
  }

  async consume(queue: string, options: ConsumeOptions): Promise<RabbitmqConsumer> {
    this.#refuseClosed(queue)
    // The server's lock is per connection: within ours we keep count ourselves.
    if (options.exclusive === true && [...this.#consumers].some((one) => one.holdsExclusively(queue)))
      throw new BrokerError({
        adapter: ADAPTER,
        queue,
        code: 'conflict',
        message: 'this adapter uses it exclusively already',
      })
    const consumer: RabbitmqConsumer = new RabbitmqConsumer({
      host: this.#host,
      link: this.#link,
      publisher: this.#publisher,
      queue,
      native: (name) => this.#topology.queue(name),
      options,
      closed: () => void this.#consumers.delete(consumer),
    })
    this.#consumers.add(consumer)
    try {
      await consumer.open()
    } catch (error) {
      this.#consumers.delete(consumer)
      await consumer.close()
      throw error
    }
    return consumer
  }

  async stats(queue: string): Promise<QueueStats> {
    this.#refuseClosed(queue)
    const session = await this.#link.acquire('count the queue')
    const asOf = this.#host.clock.now()
    const { messageCount } = await this.#topology.run(session, { queue, doing: 'count the queue' }, (channel) =>
      channel.checkQueue(this.#topology.queue(queue)),
    )
    return { ready: { value: messageCount, exact: true, asOf }, leased: null, delayed: null, oldestReadyMs: null }
  }

  async purge(queue: string): Promise<void> {
    this.#refuseClosed(queue)
    const session = await this.#link.acquire('purge the queue')
    await this.#topology.run(session, { queue, doing: 'purge the queue' }, (channel) =>
      channel.purgeQueue(this.#topology.queue(queue)),
    )
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
      await Promise.all([this.#link.close(), this.#publishing.close()])
    })()
    return this.#closing
  }

  #refusal(queue: string, { body, delayMs, orderKey, unique }: Message): BrokerError | null {
    const refuse = (code: 'too-large' | 'unsupported', message: string) =>
      new BrokerError({ adapter: ADAPTER, queue, code, message })
    if (body.length * 3 > MAX_BODY_BYTES && Buffer.byteLength(body) > MAX_BODY_BYTES)
      return refuse('too-large', `the body has ${Buffer.byteLength(body)} bytes, the limit is ${MAX_BODY_BYTES}`)
    if (orderKey !== undefined) return refuse('unsupported', 'RabbitMQ has no order keys')
    if (unique !== undefined) return refuse('unsupported', 'RabbitMQ cannot admit one message per key')
    const longest = this.capabilities.maxDelayMs.value
    if (delayMs > longest) return refuse('unsupported', `a delay of ${delayMs} ms is above the longest, ${longest} ms`)
    return null
  }

  #refuseClosed(queue: string): void {
    if (this.#closing !== null) throw closedError('the adapter', queue)
  }
}
