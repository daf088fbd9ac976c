import type { Adapter, Message, SendResult } from '../adapter/adapter.ts'
import { asBrokerError } from '../adapter/guarded.ts'

interface Waiting {
  readonly message: Message
  readonly done: (result: SendResult) => void
}

/** Most messages in one call of the seam; the adapter splits further where its broker takes fewer. */
export const MOST_PER_SEND = 1_000

/**
 * Joins the sends of neighbours: everything enqueued to one lane while a send is in flight goes with the next one. A lone
 * enqueue is sent at once.
 */
export class SendBatcher {
  readonly #adapter: Adapter
  readonly #lanes = new Map<string, Waiting[]>()
  readonly #busy = new Set<string>()

  constructor(adapter: Adapter) {
    this.#adapter = adapter
  }

  send(lane: string, message: Message): Promise<SendResult> {
    return new Promise((resolve) => {
      const waiting = this.#lanes.get(lane)
      if (waiting === undefined) this.#lanes.set(lane, [{ message, done: resolve }])
      else waiting.push({ message, done: resolve })
      if (this.#busy.has(lane)) return
      this.#busy.add(lane)
      queueMicrotask(() => void this.#flush(lane))
    })
  }

  async #flush(lane: string): Promise<void> {
    for (;;) {
      const waiting = this.#lanes.get(lane) ?? []
      const batch = waiting.splice(0, MOST_PER_SEND)
      if (batch.length === 0) break
      const results = await sendAll(
        this.#adapter,
        lane,
        batch.map((one) => one.message),
      )
      for (const [index, one] of batch.entries()) {
        const result = results[index]
        if (result !== undefined) one.done(result)
      }
    }
    this.#lanes.delete(lane)
    this.#busy.delete(lane)
  }
}

/** One send of the seam in which a failure of the call is the failure of each message. */
export async function sendAll<Tx>(
  adapter: Adapter<Tx>,
  lane: string,
  messages: readonly Message[],
  tx?: Tx,
): Promise<readonly SendResult[]> {
  try {
    return await adapter.send(lane, messages, tx)
  } catch (error) {
    const failure = asBrokerError(error, adapter.name, lane)
    return messages.map(() => failure)
  }
}
