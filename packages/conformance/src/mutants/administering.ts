import type { Adapter, BrowsedMessage, Message, QueueStats } from '@switchyard/core/adapter'
import type { Mutant } from './mutant.ts'
import { sabotage } from './sabotage.ts'

/** Breaks what operators and the promises about admission stand on. */
export const administeringMutants: readonly Mutant[] = [
  {
    id: 'M-purge-lies',
    title: 'answers a purge and removes nothing',
    killedBy: ['A17'],
    over: 'timed',
    sabotage: (factory) => sabotage(factory, { purge: async () => {} }),
  },
  {
    id: 'M-purge-ready-only',
    title: 'declares to purge all and leaves what is delayed',
    killedBy: ['A17'],
    over: 'readyPurge',
    sabotage: (factory) =>
      sabotage(factory, { capabilities: (declared) => ({ ...declared, purge: { ...declared.purge, value: 'all' } }) }),
  },
  {
    id: 'M-purge-too-much',
    title: 'declares to purge what is ready and removes everything',
    killedBy: ['A17'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        capabilities: (declared) => ({ ...declared, purge: { ...declared.purge, value: 'ready' } }),
      }),
  },
  {
    id: 'M-stats-leased-ready',
    title: 'counts what is leased as ready and says that it is exact',
    killedBy: ['A17'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async stats(adapter, queue): Promise<QueueStats> {
          const stats = await adapter.stats(queue)
          const { ready, leased } = stats
          return { ...stats, ready: ready && { ...ready, value: ready.value + (leased?.value ?? 0) } }
        },
      }),
  },
  {
    id: 'M-send-anywhere',
    title: 'accepts messages for a queue that does not exist (an unroutable message on RabbitMQ)',
    killedBy: ['A18'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: (adapter, queue, messages) =>
          queue.endsWith('undeclared')
            ? Promise.resolve(messages.map(() => 'accepted' as const))
            : adapter.send(queue, messages),
      }),
  },
  {
    id: 'M-unique-ignored',
    title: 'declares unique and forgets it',
    killedBy: ['A19'],
    over: 'timed',
    sabotage: (factory) => sabotage(factory, { send: withoutUnique }),
  },
  {
    id: 'M-unique-swallowed',
    title: 'accepts unique although it declares none',
    killedBy: ['A19'],
    over: 'bare',
    sabotage: (factory) => sabotage(factory, { send: withoutUnique }),
  },
  {
    id: 'M-exclusive-ignored',
    title: 'declares exclusive consumers and lets everybody in',
    killedBy: ['A20'],
    over: 'timed',
    sabotage: (factory) => sabotage(factory, { consumeOptions: ({ exclusive: _, ...options }) => options }),
  },
  {
    id: 'M-exclusive-swallowed',
    title: 'accepts an exclusive consumer although it declares none',
    killedBy: ['A20'],
    over: 'bare',
    sabotage: (factory) => sabotage(factory, { consumeOptions: ({ exclusive: _, ...options }) => options }),
  },
  {
    id: 'M-browse-first-page',
    title: 'browse shows the first page and says that it was all',
    killedBy: ['A21'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async browse(adapter, queue, page) {
          const found = (await adapter.browse?.(queue, page))?.messages ?? []
          return { messages: found, cursor: null }
        },
      }),
  },
  {
    id: 'M-browse-takes',
    title: 'browses by leasing and never giving back',
    killedBy: ['A21'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async browse(adapter, queue, { limit }) {
          const consumer = await adapter.consume(queue, { leaseMs: 60_000, prefetch: 0, lost() {} })
          const got = await consumer.receive(limit, AbortSignal.timeout(20))
          const messages = got.map(
            ({ message, note, lapses }): BrowsedMessage => ({ message, note, lapses, dueAt: null }),
          )
          return { messages, cursor: got.length < limit ? null : 'more' }
        },
      }),
  },
]

function withoutUnique(adapter: Adapter, queue: string, messages: readonly Message[]): ReturnType<Adapter['send']> {
  return adapter.send(
    queue,
    messages.map(({ unique: _, ...message }) => message),
  )
}
