import type { Message } from '@switchyard/core/adapter'
import { freshId } from '../letter.ts'
import type { Mutant } from './mutant.ts'
import { sabotage } from './sabotage.ts'

/** Breaks what `send` promises. */
export const sendingMutants: readonly Mutant[] = [
  {
    id: 'M-send-drops-tail',
    title: 'answers accepted for the last message of a long batch and stores nothing',
    killedBy: ['A1'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async send(adapter, queue, messages) {
          if (messages.length < 10) return adapter.send(queue, messages)
          return [...(await adapter.send(queue, messages.slice(0, -1))), 'accepted']
        },
      }),
  },
  {
    id: 'M-send-parses-body',
    title: 'stores the body as a JSON value instead of text',
    killedBy: ['A1'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: (adapter, queue, messages) =>
          adapter.send(
            queue,
            messages.map((message) => ({ ...message, body: JSON.stringify(JSON.parse(message.body)) })),
          ),
      }),
  },
  {
    id: 'M-send-twice',
    title: 'sends every message a second time under another id',
    killedBy: ['A1', 'A2', 'A15'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async send(adapter, queue, messages) {
          const results = await adapter.send(queue, messages)
          await adapter.send(
            queue,
            messages.map((message): Message => ({ ...message, id: freshId() })),
          )
          return results
        },
      }),
  },
  {
    id: 'M-delay-early',
    title: 'halves every delay of send',
    killedBy: ['A10'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: (adapter, queue, messages) =>
          adapter.send(
            queue,
            messages.map((message) => ({ ...message, delayMs: message.delayMs / 2 })),
          ),
      }),
  },
  {
    id: 'M-delay-late',
    title: 'delivers delayed messages two seconds after the declared grain',
    killedBy: ['A10'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: (adapter, queue, messages) =>
          adapter.send(
            queue,
            messages.map((message) => ({ ...message, delayMs: message.delayMs > 0 ? message.delayMs + 2_000 : 0 })),
          ),
      }),
  },
  {
    id: 'M-delay-clamped',
    title: 'shortens a delay above maxDelayMs instead of refusing it',
    killedBy: ['A10'],
    over: 'bare',
    sabotage: (factory) =>
      sabotage(factory, {
        send: (adapter, queue, messages) => {
          const most = adapter.capabilities.maxDelayMs.value
          return adapter.send(
            queue,
            messages.map((message) => ({ ...message, delayMs: Math.min(message.delayMs, most) })),
          )
        },
      }),
  },
  {
    id: 'M-order-keys-ignored',
    title: 'declares order by key and forgets the key',
    killedBy: ['A11'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, { send: (adapter, queue, messages) => adapter.send(queue, messages.map(withoutOrder)) }),
  },
  {
    id: 'M-order-keys-swallowed',
    title: 'accepts order keys although it declares none',
    killedBy: ['A11'],
    over: 'bare',
    sabotage: (factory) =>
      sabotage(factory, {
        declare: (adapter, spec) => adapter.declare({ ...spec, ordered: false }),
        send: (adapter, queue, messages) => adapter.send(queue, messages.map(withoutOrder)),
      }),
  },
  {
    id: 'M-duplicate-untold',
    title: 'swallows a duplicate and answers accepted although it declares that it tells',
    killedBy: ['A16'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: async (adapter, queue, messages) =>
          (await adapter.send(queue, messages)).map((result) => (result === 'duplicate' ? 'accepted' : result)),
      }),
  },
  {
    id: 'M-duplicate-stored',
    title: 'answers duplicate and stores a second copy',
    killedBy: ['A16'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async send(adapter, queue, messages) {
          const results = await adapter.send(queue, messages)
          const again = messages.filter((_, index) => results[index] === 'duplicate')
          await adapter.send(
            queue,
            again.map((message) => ({ ...message, id: freshId() })),
          )
          return results
        },
      }),
  },
  {
    id: 'M-dedupe-window-ignored',
    title: 'declares a window and remembers ids only while they are queued',
    killedBy: ['A16'],
    over: 'timed',
    sabotage: (factory) => sabotage(factory, { declare: (adapter, spec) => adapter.declare({ ...spec, dedupeMs: 0 }) }),
  },
]

function withoutOrder({ orderKey: _, ...message }: Message): Message {
  return message
}
