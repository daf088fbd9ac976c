import type { Delivery, Message, SettleResult } from '@switchyard/core/adapter'
import { systemClock } from '@switchyard/core/adapter'
import { freshId, identityOf } from '../letter.ts'
import type { Mutant } from './mutant.ts'
import { sabotage, settleEach } from './sabotage.ts'

/** M-fanout: who is at work where, over all connections, and what it has copied. */
const at = new Map<string, Set<object>>()
const copied = new Set<string>()

/** Breaks what holds only while many things happen at once, in large batches, or many times over. */
export const crowdingMutants: readonly Mutant[] = [
  {
    id: 'M-fanout',
    title: 'gives a copy to another consumer once more than three are at work',
    killedBy: ['A24'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async receive({ consumer, adapter, queue }, max, signal) {
          const here = at.get(queue) ?? new Set()
          at.set(queue, here.add(consumer))
          const got = await consumer.receive(max, signal)
          const copies = here.size < 4 ? [] : got.filter((one) => !copied.has(identityOf(one)))
          for (const one of copies) copied.add(identityOf(one))
          await adapter.send(
            queue,
            copies.map(({ message }) => ({ id: freshId(), name: 'copy', body: message.body, delayMs: 0 })),
          )
          return got
        },
        async closeConsumer({ consumer, queue }) {
          at.get(queue)?.delete(consumer)
          await consumer.close()
        },
      }),
  },
  {
    id: 'M-send-shared-buffer',
    title: 'keeps the batch in one place for all calls: the second of six calls at once takes over the first',
    killedBy: ['A24'],
    over: 'timed',
    sabotage(factory) {
      let buffer: readonly Message[] = []
      let calls = 0
      return sabotage(factory, {
        async send(adapter, queue, messages) {
          calls += 1
          buffer = messages
          const crowded = calls > 5
          await new Promise((resolve) => setImmediate(resolve))
          const sending = crowded ? buffer.slice(0, messages.length) : messages
          calls -= 1
          await adapter.send(queue, sending)
          return messages.map(() => 'accepted' as const)
        },
      })
    },
  },
  {
    id: 'M-batch-all-lost',
    title: 'answers lost to a whole batch when one of it is stale, and applies the rest',
    killedBy: ['A25'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async settle({ consumer }, settlements) {
          const results = await consumer.settle(settlements)
          return results.includes('lost') ? results.map(() => 'lost' as const) : results
        },
      }),
  },
  {
    id: 'M-batch-order',
    title: 'gives the answers of a batch in another order',
    killedBy: ['A25'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: async ({ consumer }, settlements) => (await consumer.settle(settlements)).toReversed(),
      }),
  },
  {
    id: 'M-extend-noop',
    title: 'answers settled to an extension in time and does not extend',
    killedBy: ['A26'],
    over: 'timed',
    sabotage(factory) {
      const held = new Map<unknown, number>()
      return sabotage(factory, {
        async receive({ consumer }, max, signal) {
          const got = await consumer.receive(max, signal)
          for (const one of got) held.set(one.receipt, one.leasedAt)
          return got
        },
        async settle({ consumer }, settlements) {
          for (const { delivery } of settlements) held.delete(delivery.receipt)
          return consumer.settle(settlements)
        },
        // One that is about to end goes through: only a witness beside it shows that the others did nothing.
        async extend({ consumer }, deliveries): Promise<readonly SettleResult[]> {
          const [one] = deliveries
          if (deliveries.length === 1 && one !== undefined && held.has(one.receipt)) {
            if (systemClock.now() - (held.get(one.receipt) ?? 0) < 1_300) return ['settled']
          }
          return consumer.extend(deliveries)
        },
      })
    },
  },
  {
    id: 'M-settle-first-hundred',
    title: 'settles the first hundred of a call and answers settled for all',
    killedBy: ['A29'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async settle({ consumer }, settlements) {
          const results = await consumer.settle(settlements.slice(0, 100))
          return settlements.map((_, index) => results[index] ?? 'settled')
        },
      }),
  },
  {
    id: 'M-empty-throws',
    title: 'fails on an empty batch',
    killedBy: ['A29'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async extend({ consumer }, deliveries) {
          if (deliveries.length === 0) throw new TypeError('Cannot read properties of undefined')
          return consumer.extend(deliveries)
        },
      }),
  },
  {
    id: 'M-prefetch-all',
    title: 'takes the whole queue into memory where a few were allowed',
    killedBy: ['A31'],
    over: 'timed',
    sabotage(factory) {
      const buffers = new WeakMap<object, Delivery[]>()
      return sabotage(factory, {
        async receive({ consumer, options }, max, signal) {
          if (options.prefetch === 0) return consumer.receive(max, signal)
          const buffer = buffers.get(consumer) ?? []
          buffers.set(consumer, buffer)
          if (buffer.length === 0) buffer.push(...(await consumer.receive(1_000, signal)))
          return buffer.splice(0, max)
        },
      })
    },
  },
  {
    id: 'M-buffer-lost',
    title: 'accepts large batches into a buffer of its own, and close forgets them',
    killedBy: ['A32'],
    over: 'timed',
    sabotage: (factory) => async (host) => {
      let closed = false
      const adapter = await sabotage(factory, {
        async send(inner, queue, messages) {
          if (messages.length !== 40) return inner.send(queue, messages)
          setImmediate(() => {
            if (!closed) inner.send(queue, messages).catch(() => {})
          })
          return messages.map(() => 'accepted' as const)
        },
      })(host)
      const close = async () => {
        closed = true
        await adapter.close()
      }
      return { ...adapter, close }
    },
  },
  {
    id: 'M-purge-prefix',
    title: 'purges every queue whose name begins alike',
    killedBy: ['A33'],
    over: 'timed',
    sabotage(factory) {
      const names = new Set<string>()
      return sabotage(factory, {
        async declare(adapter, spec) {
          names.add(spec.name)
          await adapter.declare(spec)
        },
        async purge(adapter, queue) {
          for (const name of names) if (name.startsWith(queue)) await adapter.purge(name)
          await adapter.purge(queue)
        },
      })
    },
  },
  {
    id: 'M-leased-at-elsewhere',
    title: "reads the time from the process instead of the host's clock",
    killedBy: ['A37'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        receive: async ({ consumer }, max, signal) => {
          const got = await consumer.receive(max, signal)
          return got.map((one): Delivery => ({ ...one, leasedAt: Math.min(one.leasedAt, systemClock.now()) }))
        },
      }),
  },
  {
    id: 'M-timer-left',
    title: 'leaves a timer behind after close',
    killedBy: ['A37'],
    over: 'timed',
    sabotage: (factory) => async (host) => {
      // Long enough for the clause and short enough for the tests' process to end.
      if (host.clock !== systemClock) host.clock.schedule(5_000, () => {})
      return factory(host)
    },
  },
  {
    id: 'M-put-back-limit',
    title: 'drops a message at its 20th return (a delivery limit of the broker)',
    killedBy: ['A38'],
    over: 'timed',
    sabotage(factory) {
      const returns = new Map<string, number>()
      return sabotage(factory, {
        settle: (scene, settlements) =>
          settleEach(scene, settlements, (asked) => {
            if (asked.kind !== 'retry' && asked.kind !== 'release') return undefined
            const id = identityOf(asked.delivery)
            returns.set(id, (returns.get(id) ?? 0) + 1)
            return (returns.get(id) ?? 0) >= 20 ? { kind: 'complete', delivery: asked.delivery } : undefined
          }),
      })
    },
  },
]
