import type { Consumer, Settlement, SettleResult } from '../adapter/adapter.ts'
import { asBrokerError } from '../adapter/guarded.ts'

interface Waiting {
  readonly settlement: Settlement
  readonly done: (result: SettleResult) => void
}

/** Most settlements in one call; larger batches gain nothing measurable and delay the first. */
const MOST = 500

/**
 * Joins settlements of one consumer into batches: one call in flight, everything that ends meanwhile goes with the next.
 * Answers each exactly once; a call that fails answers its error to all of its items.
 */
export class Settler {
  readonly #consumer: Consumer
  readonly #name: string
  readonly #queue: string
  #waiting: Waiting[] = []
  #busy = false
  #idle: (() => void)[] = []

  constructor(parts: {
    readonly consumer: Consumer
    readonly adapter: string
    readonly queue: string
  }) {
    this.#consumer = parts.consumer
    this.#name = parts.adapter
    this.#queue = parts.queue
  }

  add(settlement: Settlement, done: (result: SettleResult) => void): void {
    this.#waiting.push({ settlement, done })
    if (this.#busy) return
    this.#busy = true
    queueMicrotask(() => void this.#flush())
  }

  /** Resolves when nothing waits and nothing is in flight. */
  idle(): Promise<void> {
    return this.#busy ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve()
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.length <= MOST ? this.#waiting : this.#waiting.slice(0, MOST)
      this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(MOST)
      const results = await this.#settle(batch)
      for (let index = 0; index < batch.length; index++) {
        const result = results[index]
        if (result !== undefined) batch[index]?.done(result)
      }
    }
    this.#busy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #settle(batch: readonly Waiting[]): Promise<readonly SettleResult[]> {
    try {
      return await this.#consumer.settle(batch.map((one) => one.settlement))
    } catch (error) {
      const failure = asBrokerError(error, this.#name, this.#queue)
      return batch.map(() => failure)
    }
  }
}
