import type { Delivery } from '@switchyard/core/adapter'
import type { Message as AmqpMessage } from 'amqplib'
import type { LeaseChannel } from './lease-channel.ts'
import { fromAmqp } from './wire.ts'

/** One AMQP consumer: the server sends it at most `window` messages that are not acknowledged. */
export interface Subscription {
  readonly window: number
  held: number
  active: boolean
}

interface LeaseParts {
  readonly channel: LeaseChannel
  readonly native: AmqpMessage
  readonly source: Subscription
  readonly leasedAt: number
}

/**
 * One unsettled message on one channel. It is the receipt of its delivery, and worth nothing once its channel has ended. Its parts are
 * private so that a logged delivery does not print a connection.
 */
export class Lease {
  readonly #parts: LeaseParts
  readonly #delivery: Delivery
  /** `open`, then `settling` while a settlement runs, then `acked` once the acknowledgement was written. */
  state: 'open' | 'settling' | 'acked' = 'open'

  constructor(parts: LeaseParts) {
    this.#parts = parts
    this.#delivery = { ...fromAmqp(parts.native), leasedAt: parts.leasedAt, receipt: this }
  }

  get channel(): LeaseChannel {
    return this.#parts.channel
  }

  get native(): AmqpMessage {
    return this.#parts.native
  }

  get source(): Subscription {
    return this.#parts.source
  }

  get delivery(): Delivery {
    return this.#delivery
  }
}
