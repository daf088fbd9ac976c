import type { Clock, QueueSpec } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { MemoryQueue } from './memory-queue.ts'
import { purgeQueue } from './purge.ts'
import { refusal } from './refuse.ts'

/** A connection, as the broker sees it. */
export interface Connection {
  /** The connection breaks: leases that last as long as it end unsettled. */
  severed(now: number): void
}

/**
 * The state that adapters share: `memory({ broker })`. It lives as long as somebody refers to it; closing adapters empties
 * nothing. Its clock is the one it was made with, or that of the first adapter that connects while no other is connected.
 */
export class MemoryBroker {
  readonly #queues = new Map<string, MemoryQueue>()
  readonly #connections = new Set<Connection>()
  readonly #fixedClock: Clock | undefined
  #clock: Clock | undefined

  constructor(options: { readonly clock?: Clock } = {}) {
    this.#fixedClock = options.clock
  }

  /** Breaks every connection at once; adapters reconnect by themselves. For tests and the simulator. */
  cut(): void {
    const clock = this.#clock
    if (clock === undefined) return
    for (const connection of this.#connections) connection.severed(clock.now())
    for (const queue of this.#queues.values()) queue.wake(clock.now())
  }

  /** Forgets every message, as the end of the process would. Queues stay declared. For tests and the simulator. */
  empty(): void {
    const now = this.#clock?.now()
    if (now !== undefined) for (const queue of this.#queues.values()) purgeQueue(queue, 'all', now)
  }

  /** For the adapter: joins, and answers the broker's clock. */
  connect(connection: Connection, clock: Clock): Clock {
    if (this.#connections.size === 0) this.#useClock(this.#fixedClock ?? clock)
    this.#connections.add(connection)
    return this.#clock ?? clock
  }

  /** For the adapter: leaves. The last one to leave stops the timers. */
  disconnect(connection: Connection): void {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) for (const queue of this.#queues.values()) queue.rest()
  }

  /** For the adapter: makes the queue exist, or takes over properties that may change. */
  declare(spec: QueueSpec, clock: Clock): void {
    const queue = this.#queues.get(spec.name)
    if (queue === undefined) {
      this.#queues.set(spec.name, new MemoryQueue({ ...spec }, clock))
      return
    }
    if (queue.spec.ordered !== spec.ordered)
      throw refusal(spec.name, 'exists', `it exists with ordered: ${queue.spec.ordered}; give the queue another name`)
    queue.spec = { ...spec }
  }

  /** For the adapter: the queue; throws `not-found`. */
  queue(name: string): MemoryQueue {
    const found = this.find(name)
    if (found instanceof BrokerError) throw found
    return found
  }

  /** For the adapter: the queue, or why there is none. */
  find(name: string): MemoryQueue | BrokerError {
    return this.#queues.get(name) ?? refusal(name, 'not-found', 'the queue was never declared; call declare first')
  }

  #useClock(clock: Clock): void {
    this.#clock = clock
    for (const queue of this.#queues.values()) {
      queue.clock = clock
      queue.tick(clock.now())
    }
  }
}

const named = new Map<string, MemoryBroker>()

/** The broker that every `memory:NAME` of this process shares. */
export function namedBroker(name: string): MemoryBroker {
  let broker = named.get(name)
  if (broker === undefined) {
    broker = new MemoryBroker()
    named.set(name, broker)
  }
  return broker
}
