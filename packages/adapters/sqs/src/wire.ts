import { createHash } from 'node:crypto'
import type { Message as NativeMessage, SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs'
import type { BrokerError, Message } from '@switchyard/core/adapter'
import { MAX_BODY_BYTES, MAX_SEND_DELAY_MS } from './capabilities.ts'
import { refusal } from './errors.ts'

/** What travels beside the body, in message attributes. */
export interface Stored {
  readonly id: string
  readonly name: string
  readonly body: string
  readonly note: string | null
  /** Epoch ms on the worker's clock: a copy whose delay is longer than SQS takes at once; 0: none. */
  readonly dueAt: number
  readonly group: string | null
}

/** A message as it was received. */
export interface Received extends Stored {
  readonly handle: string
  /** 1 on the first receive of this copy. */
  readonly receives: number
  /** Epoch ms by the server; 0 where it does not say. */
  readonly sentAt: number
}

/** What is asked for with every receive. */
export const SYSTEM_ATTRIBUTES = ['ApproximateReceiveCount', 'SentTimestamp', 'MessageGroupId'] as const

/** One entry of a batch without its number, and what it weighs. */
export interface Entry {
  readonly entry: Omit<SendMessageBatchRequestEntry, 'Id'>
  readonly bytes: number
}

/** XML 1.0 characters without lone surrogates: everything else SQS refuses or, as lone surrogates, replaces. */
const NOT_SQS = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u

/** Why this message must not reach the server, if so. */
export function refusalOf(
  message: Message,
  { queue, fifo }: { readonly queue: string; readonly fifo: boolean },
): BrokerError | undefined {
  const refused = (code: 'invalid' | 'too-large' | 'unsupported', text: string) =>
    refusal(code, queue, `message ${message.id}: ${text}`)
  const bytes = Buffer.byteLength(message.body)
  if (bytes > MAX_BODY_BYTES) return refused('too-large', `${bytes} bytes are more than ${MAX_BODY_BYTES}`)
  if (bytes === 0) return refused('invalid', 'an empty body')
  if (NOT_SQS.test(message.body))
    return refused(
      'invalid',
      'the body has a character that SQS refuses (control, lone surrogate, U+FFFE/F): escape it',
    )
  if (message.unique !== undefined) return refused('unsupported', 'SQS keeps no `unique` promise')
  if (message.orderKey !== undefined && !fifo) return refused('unsupported', 'an order key needs the `fifo` option')
  const most = fifo ? 0 : MAX_SEND_DELAY_MS
  if (!(message.delayMs >= 0 && message.delayMs <= most))
    return refused('unsupported', `a delay of ${message.delayMs} ms is not within 0 and ${most} ms`)
  return undefined
}

/** Why a note cannot be stored, if so. */
export function noteRefusal(note: string, queue: string): BrokerError | undefined {
  if (note === '' || NOT_SQS.test(note))
    return refusal('invalid', queue, 'the note is empty or has a character that SQS refuses')
  const bytes = Buffer.byteLength(note)
  return bytes > 4_096 ? refusal('too-large', queue, `a note of ${bytes} bytes; 4096 at most`) : undefined
}

/** A message on its way out, from anybody. */
export function toEntry(
  message: Message,
  { fifo, dedupeId }: { readonly fifo: boolean; readonly dedupeId: string },
): Entry {
  const { id, name, body, delayMs, orderKey } = message
  const group = fifo ? groupOf(orderKey, dedupeId) : null
  return entryOf({ id, name, body, note: null, dueAt: 0, group }, { delayMs, dedupeId })
}

/** A stored message on its way out again. */
export function entryOf(
  { id, name, body, note, dueAt, group }: Stored,
  { delayMs, dedupeId }: { readonly delayMs: number; readonly dedupeId: string },
): Entry {
  const attributes: Record<string, string> = {
    'switchyard.id': id,
    ...(name === '' || NOT_SQS.test(name) ? {} : { 'switchyard.name': name }),
    ...(note === null ? {} : { 'switchyard.note': note }),
    ...(dueAt === 0 ? {} : { 'switchyard.due': String(dueAt) }),
  }
  let bytes = Buffer.byteLength(body)
  for (const [key, value] of Object.entries(attributes))
    bytes += key.length + 'String'.length + Buffer.byteLength(value)
  return {
    bytes,
    entry: {
      MessageBody: body,
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key, { DataType: 'String', StringValue: value }]),
      ),
      ...(group === null
        ? { DelaySeconds: wholeSeconds(delayMs) }
        : { MessageGroupId: group, MessageDeduplicationId: dedupeId }),
    },
  }
}

/** Reads what came. What another program put there is handed over as it is, under the id that SQS gave it. */
export function fromNative(native: NativeMessage): Received {
  const text = (name: string): string | undefined => native.MessageAttributes?.[name]?.StringValue
  const number = (value: string | undefined, otherwise: number): number => {
    const read = Number(value)
    return value !== undefined && Number.isFinite(read) ? read : otherwise
  }
  return {
    id: text('switchyard.id') ?? native.MessageId ?? '',
    name: text('switchyard.name') ?? '',
    body: native.Body ?? '',
    note: text('switchyard.note') ?? null,
    dueAt: number(text('switchyard.due'), 0),
    group: native.Attributes?.MessageGroupId ?? null,
    handle: native.ReceiptHandle ?? '',
    receives: number(native.Attributes?.ApproximateReceiveCount, 1),
    sentAt: number(native.Attributes?.SentTimestamp, 0),
  }
}

/** Never early: up to the next second. */
export function wholeSeconds(ms: number): number {
  return Math.ceil(ms / 1_000)
}

/** 1 to 128 letters, digits and punctuation; keys that are not get a digest. Messages without a key are groups of their own. */
function groupOf(orderKey: string | undefined, dedupeId: string): string {
  if (orderKey === undefined) return `one-${dedupeId}`
  if (/^[A-Za-z0-9_.:-]{1,120}$/.test(orderKey)) return `key-${orderKey}`
  return `hash-${createHash('sha256').update(JSON.stringify(orderKey)).digest('hex')}`
}
