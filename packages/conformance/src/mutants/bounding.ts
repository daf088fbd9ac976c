import type { Adapter, Message, QueueStats, SendResult, Unique } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import type { Mutant } from './mutant.ts'
import { sabotage } from './sabotage.ts'

const MAX = 65_536

/** Breaks bounds, keys, counts and refusals. */
export const boundingMutants: readonly Mutant[] = [
  {
    id: 'M-bytes-letters',
    title: 'counts letters where the bound is in bytes',
    killedBy: ['A27'],
    over: 'timed',
    sabotage: (factory) => bounded(factory, ({ body }) => body.length > MAX),
  },
  {
    id: 'M-bound-exclusive',
    title: 'refuses a body of exactly the declared size',
    killedBy: ['A27'],
    over: 'timed',
    sabotage: (factory) => bounded(factory, ({ body }) => Buffer.byteLength(body) >= MAX),
  },
  {
    id: 'M-too-large-poisons',
    title: 'refuses a whole batch for one body that is too large',
    killedBy: ['A27'],
    over: 'bare',
    sabotage: (factory) =>
      sabotage(factory, {
        async send(adapter, queue, messages) {
          if (messages.every(({ body }) => Buffer.byteLength(body) <= MAX)) return adapter.send(queue, messages)
          return messages.map(() => tooLarge(queue))
        },
      }),
  },
  {
    id: 'M-character-dropped',
    title: 'strips soft hyphens and other characters that are not seen',
    killedBy: ['A28'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: (adapter, queue, messages) =>
          adapter.send(
            queue,
            messages.map((message) => ({ ...message, body: message.body.replace(/[\u00ad\ufeff]/g, '') })),
          ),
      }),
  },
  {
    id: 'M-tx-swallowed',
    title: 'takes a transaction although it declares none, and sends outside of it',
    killedBy: ['A34'],
    over: 'timed',
    sabotage: (factory) => async (host) => {
      const adapter = await factory(host)
      const send = (queue: string, messages: readonly Message[]) => adapter.send(queue, messages)
      return { ...sabotageNothing(adapter), send }
    },
  },
  {
    id: 'M-stats-put-back-ready',
    title: 'counts what was put back with a delay as ready',
    killedBy: ['A39'],
    over: 'timed',
    sabotage(factory) {
      const delayed = new Map<string, number>()
      return sabotage(factory, {
        async settle({ consumer, queue }, settlements) {
          const waiting = settlements.filter((one) => 'delayMs' in one && one.delayMs > 10_000).length
          delayed.set(queue, (delayed.get(queue) ?? 0) + waiting)
          return consumer.settle(settlements)
        },
        async stats(adapter, queue): Promise<QueueStats> {
          const stats = await adapter.stats(queue)
          const shift = delayed.get(queue) ?? 0
          const { ready, delayed: later } = stats
          if (ready === null || later === null || later.value < shift) return stats
          return {
            ...stats,
            ready: { ...ready, value: ready.value + shift },
            delayed: { ...later, value: later.value - shift },
          }
        },
      })
    },
  },
  {
    id: 'M-stats-anywhere',
    title: 'shows a queue that nobody declared as an empty one',
    killedBy: ['A40'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        stats: (adapter, queue) =>
          adapter.stats(queue).catch((): QueueStats => {
            if (queue.endsWith('-nowhere')) return { ready: null, leased: null, delayed: null, oldestReadyMs: null }
            throw new BrokerError({ code: 'closed', adapter: 'mutant', message: 'closed' })
          }),
      }),
  },
  {
    id: 'M-key-fold',
    title: 'folds the case of keys and trims them',
    killedBy: ['A41'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: (adapter, queue, messages) =>
          adapter.send(
            queue,
            messages.map((message) =>
              message.unique === undefined
                ? message
                : { ...message, unique: { ...message.unique, key: message.unique.key.trim().toLowerCase() } as Unique },
            ),
          ),
      }),
  },
  {
    id: 'M-order-key-fold',
    title: 'normalises order keys',
    killedBy: ['A41'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: (adapter, queue, messages) =>
          adapter.send(
            queue,
            messages.map((message) =>
              message.orderKey === undefined ? message : { ...message, orderKey: message.orderKey.normalize('NFC') },
            ),
          ),
      }),
  },
  {
    id: 'M-dedupe-for-ever',
    title: 'never forgets a completed id',
    killedBy: ['A42'],
    over: 'timed',
    sabotage: (factory) => dedupeFor(factory, () => 3_600_000),
  },
  {
    id: 'M-dedupe-too-short',
    title: 'forgets a completed id half a second early',
    killedBy: ['A42'],
    over: 'timed',
    sabotage: (factory) => dedupeFor(factory, (dedupeMs) => dedupeMs - 500),
  },
]

function tooLarge(queue: string): BrokerError {
  return new BrokerError({ code: 'too-large', adapter: 'mutant', queue, message: 'too large' })
}

function bounded(factory: Parameters<Mutant['sabotage']>[0], above: (message: Message) => boolean): typeof factory {
  return sabotage(factory, {
    capabilities: (declared) => ({ ...declared, maxBodyBytes: { ...declared.maxBodyBytes, value: MAX } }),
    async send(adapter, queue, messages) {
      const results: SendResult[] = []
      for (const message of messages) {
        const [result = 'accepted'] = above(message) ? [tooLarge(queue)] : await adapter.send(queue, [message])
        results.push(result)
      }
      return results
    },
  })
}

function dedupeFor(factory: Parameters<Mutant['sabotage']>[0], change: (dedupeMs: number) => number): typeof factory {
  return sabotage(factory, {
    declare: (adapter, spec) =>
      adapter.declare(spec.dedupeMs > 0 ? { ...spec, dedupeMs: change(spec.dedupeMs) } : spec),
  })
}

/** The adapter as a plain object, so that one method can be replaced. */
function sabotageNothing(adapter: Adapter): Adapter {
  const { name, capabilities, browse } = adapter
  return {
    name,
    capabilities,
    declare: (spec) => adapter.declare(spec),
    send: (queue, messages, tx) => adapter.send(queue, messages, tx),
    consume: (queue, options) => adapter.consume(queue, options),
    stats: (queue) => adapter.stats(queue),
    purge: (queue) => adapter.purge(queue),
    close: () => adapter.close(),
    ...(browse === undefined ? {} : { browse: browse.bind(adapter) }),
  }
}
