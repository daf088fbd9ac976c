import type {
  Adapter,
  AdapterHost,
  BrowsePage,
  BrowseResult,
  Capabilities,
  Clock,
  ConsumeOptions,
  Consumer,
  Figure,
  Message,
  QueueSpec,
  QueueStats,
  SendResult,
} from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { browseQueue } from './browse.ts'
import { invalid } from './capabilities.ts'
import type { Connection, MemoryBroker } from './memory-broker.ts'
import { MemoryConsumer } from './memory-consumer.ts'
import type { MemoryQueue } from './memory-queue.ts'
import { purgeQueue } from './purge.ts'
import { refusal, refuseMessage, tooManyDelayed } from './refuse.ts'
import type { Rules } from './rules.ts'
import { rulesOf } from './rules.ts'

/** One connection to a MemoryBroker that keeps one manifest. Made by `memory()`. */
export class MemoryAdapter implements Adapter, Connection {
  readonly name = 'memory'
  readonly capabilities: Capabilities
  /** Present exactly when declared: an absent method cannot be called by mistake. */
  readonly browse?: (queue: string, page: BrowsePage) => Promise<BrowseResult>
  readonly #broker: MemoryBroker
  readonly #host: AdapterHost
  readonly #rules: Rules
  readonly #clock: Clock
  readonly #consumers = new Set<MemoryConsumer>()
  #closed = false

  constructor(broker: MemoryBroker, capabilities: Capabilities, host: AdapterHost) {
    this.capabilities = capabilities
    this.#broker = broker
    this.#host = host
    this.#rules = rulesOf(capabilities)
    this.#clock = broker.connect(this, host.clock)
    if (this.#rules.browse)
      this.browse = async (queue, page) => {
        const [found] = this.#open(queue)
        return browseQueue(found, page, this.#rules)
      }
  }

  async declare(spec: QueueSpec): Promise<void> {
    this.#mustBeOpen()
    const { name, leaseMs, ordered, dedupeMs } = spec
    if (name === '') throw invalid('a queue needs a name')
    this.#checkLease(name, leaseMs)
    if (ordered && this.#rules.ordering !== 'key')
      throw refusal(name, 'unsupported', `ordered: true needs ordering "key"; declared is "${this.#rules.ordering}"`)
    if (!(dedupeMs >= 0)) throw invalid(`dedupeMs must be a number >= 0, not ${dedupeMs}`, name)
    if (dedupeMs > 0 && this.#rules.dedupe !== 'window')
      throw refusal(name, 'unsupported', `dedupeMs needs dedupe "window"; declared is "${this.#rules.dedupe}"`)
    this.#broker.declare(spec, this.#clock)
  }

  async send(queue: string, messages: readonly Message[], tx?: never): Promise<readonly SendResult[]> {
    const [found, now] = this.#open(queue)
    if (tx !== undefined) throw refusal(queue, 'unsupported', 'memory has no transactions; send without tx')
    const rules = this.#rules
    const admit = { dueFrom: rules.dueClock === 'client' ? this.#host.clock.now() : now, moved: false }
    const results: SendResult[] = []
    for (const message of messages) {
      const refused = refuseMessage(queue, message, rules)
      if (refused !== null) results.push(refused)
      else if (message.delayMs > 0 && found.delayed.size >= rules.maxDelayed) results.push(tooManyDelayed(queue, rules))
      else {
        const result = found.admit(message, rules, now, admit)
        if (result === 'unique') results.push('duplicate')
        else results.push(result === 'duplicate' && !rules.reportsDuplicates ? 'accepted' : result)
      }
    }
    found.wake(now)
    return results
  }

  async consume(queue: string, options: ConsumeOptions): Promise<Consumer> {
    const [found] = this.#open(queue)
    this.#checkLease(queue, options.leaseMs)
    if (!(options.prefetch >= 0)) throw invalid(`prefetch must be a number >= 0, not ${options.prefetch}`, queue)
    if (options.exclusive && !this.#rules.exclusive)
      throw refusal(queue, 'unsupported', 'exclusive consumers are not declared; consume without exclusive')
    for (const { exclusive } of found.holders)
      if (exclusive || options.exclusive)
        throw refusal(queue, 'conflict', 'another consumer is open; close it first, or consume without exclusive')
    const consumer = new MemoryConsumer({
      broker: this.#broker,
      queue: found,
      rules: this.#rules,
      options,
      clock: this.#host.clock,
      closed: (one) => void this.#consumers.delete(one),
    })
    this.#consumers.add(consumer)
    return consumer
  }

  async stats(queue: string): Promise<QueueStats> {
    const [found, now] = this.#open(queue)
    const figure = (value: number, exact = true): Figure => ({ value, exact, asOf: now })
    const oldest = found.ready.at(0)
    const inOrder = this.#rules.ordering !== 'none' && found.keys.behind === 0
    return {
      ready: figure(found.ready.length - found.ghosts + found.keys.behind),
      leased: figure(found.leased),
      delayed: figure(found.delayed.size),
      oldestReadyMs: figure(oldest === undefined ? 0 : Math.max(0, now - oldest.dueAt), inOrder),
    }
  }

  async purge(queue: string): Promise<void> {
    const [found, now] = this.#open(queue)
    purgeQueue(found, this.#rules.purge, now)
    found.wake(now)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const consumer of [...this.#consumers]) await consumer.close()
    this.#broker.disconnect(this)
  }

  severed(now: number): void {
    const message = 'the connection was cut; reconnected'
    this.#host.report(new BrokerError({ code: 'unavailable', adapter: 'memory', message }))
    for (const consumer of this.#consumers) consumer.severed(now)
  }

  #open(queue: string): [MemoryQueue, number] {
    this.#mustBeOpen()
    const found = this.#broker.queue(queue)
    const now = this.#clock.now()
    if (found.wakeAt <= now) found.tick(now)
    return [found, now]
  }

  #mustBeOpen(): void {
    if (this.#closed)
      throw new BrokerError({ code: 'closed', adapter: 'memory', message: 'the adapter is closed; open another' })
  }

  #checkLease(queue: string, leaseMs: number): void {
    const { minLeaseMs, maxLeaseMs } = this.#rules
    if (!(leaseMs >= minLeaseMs && leaseMs <= maxLeaseMs))
      throw invalid(`leaseMs must be between ${minLeaseMs} and ${maxLeaseMs}, not ${leaseMs}`, queue)
  }
}
