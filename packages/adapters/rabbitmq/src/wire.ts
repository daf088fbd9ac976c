import { copyId, type Delivery, type Message, uuidV5 } from '@switchyard/core/adapter'
import type { Message as AmqpMessage, Options } from 'amqplib'

/** Our headers. Everything else, `x-death` above all, is left behind on every copy: see `toCopy`. */
const NOTE = 'switchyard-note'
const BASE = 'switchyard-lapses'

/** A message ready for the channel. */
export interface Outgoing {
  /** Native queue name, for the route. */
  readonly to: string
  readonly delayMs: number
  readonly content: Buffer
  readonly properties: Options.Publish
}

/** What a delivery says, without its lease. */
export interface Incoming {
  readonly message: Delivery['message']
  readonly note: string | null
  readonly lapses: number
}

/** Namespace of the ids that we give to messages that others published without one. */
const FOREIGN = '4f6c1f3e-6b0e-5d0a-9c55-6d0f4a7f2b11'

/** A user's message: id, name and body; persistent and mandatory. */
export function toOutgoing(to: string, message: Message): Outgoing {
  return {
    to,
    delayMs: message.delayMs,
    content: Buffer.from(message.body),
    properties: { ...STANDARD, messageId: message.id, type: shortString(message.name) },
  }
}

/**
 * The same message again, with a note and the lapses so far. Headers are built anew: RabbitMQ drops a message whose `x-death`
 * says that it has been through a queue before (seam.md 3b), and a kept `x-delivery-count` would count twice.
 */
export function toCopy(
  to: string,
  original: AmqpMessage,
  change: { note?: string | undefined; delayMs: number },
): Outgoing {
  const { message, note, lapses } = fromAmqp(original)
  const noted = change.note ?? note
  return {
    to,
    delayMs: change.delayMs,
    content: original.content,
    properties: {
      ...STANDARD,
      messageId: copyId(message.id, 'put back'),
      ...(typeof original.properties.type === 'string' ? { type: original.properties.type } : {}),
      headers: { ...(noted === null ? {} : { [NOTE]: noted }), ...(lapses === 0 ? {} : { [BASE]: lapses }) },
    },
  }
}

/** Reads any message, also one that others published: a missing id is made from the body, odd headers count as none. */
export function fromAmqp({ content, properties }: AmqpMessage): Incoming {
  const headers: Record<string, unknown> = properties.headers ?? {}
  const note = headers[NOTE]
  const body = content.toString()
  return {
    message: { id: identity(properties.messageId, body), body },
    note: typeof note === 'string' ? note : null,
    lapses: count(headers[BASE]) + count(headers['x-delivery-count']),
  }
}

const STANDARD: Options.Publish = { persistent: true, mandatory: true, contentType: 'application/json' }

function identity(id: unknown, body: string): string {
  return typeof id === 'string' && id !== '' ? id : uuidV5(FOREIGN, body)
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}

/** AMQP short strings end at 255 bytes; the name is for dashboards only. */
function shortString(name: string): string {
  const bytes = Buffer.from(name)
  return bytes.length <= 255 ? name : new TextDecoder().decode(bytes.subarray(0, 252)).replace(/\ufffd+$/, '')
}
