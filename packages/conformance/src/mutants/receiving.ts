import type { Delivery } from '@switchyard/core/adapter'
import { systemClock } from '@switchyard/core/adapter'
import type { Mutant } from './mutant.ts'
import { sabotage } from './sabotage.ts'

/** Breaks what `receive` promises. */
export const receivingMutants: readonly Mutant[] = [
  {
    id: 'M-receive-too-many',
    title: 'gives one more than asked for',
    killedBy: ['A2'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, { receive: ({ consumer }, max, signal) => consumer.receive(max + 1, signal) }),
  },
  {
    id: 'M-receive-empty',
    title: 'answers an empty queue at once instead of waiting',
    killedBy: ['A2'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        receive: ({ consumer }, max) => consumer.receive(max, AbortSignal.timeout(1)),
      }),
  },
  {
    id: 'M-receive-no-lease',
    title: 'shows messages without keeping others away',
    killedBy: ['A2', 'A7'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async receive({ consumer }, max, signal) {
          const got = await consumer.receive(max, signal)
          await consumer.settle(got.map((delivery) => ({ kind: 'release', delivery, delayMs: 0 })))
          return got
        },
      }),
  },
  {
    id: 'M-receive-completes',
    title: 'completes on delivery (at most once)',
    killedBy: ['A4', 'A5', 'A7', 'A9', 'A12'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async receive({ consumer }, max, signal) {
          const got = await consumer.receive(max, signal)
          await consumer.settle(got.map((delivery) => ({ kind: 'complete', delivery })))
          return got
        },
        settle: async (_, settlements) => settlements.map(() => 'settled'),
      }),
  },
  {
    id: 'M-receive-reversed',
    title: 'hands a batch over back to front',
    killedBy: ['A11'],
    over: 'queue',
    sabotage: (factory) =>
      sabotage(factory, {
        receive: async ({ consumer }, max, signal) => [...(await consumer.receive(max, signal))].reverse(),
      }),
  },
  {
    id: 'M-lapsed-lost',
    title: 'drops what comes back after a lapse',
    killedBy: ['A7', 'A9', 'A12'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async receive({ consumer }, max, signal) {
          for (;;) {
            const got = await consumer.receive(max, signal)
            const lapsed = got.filter(({ lapses }) => (lapses ?? 0) > 0)
            await consumer.settle(lapsed.map((delivery) => ({ kind: 'complete', delivery })))
            const rest = got.filter(({ lapses }) => lapses === 0)
            if (rest.length > 0 || signal.aborted) return rest
          }
        },
      }),
  },
  {
    id: 'M-lapses-never',
    title: 'declares exact lapses and always says 0',
    killedBy: ['A9'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        receive: async ({ consumer }, max, signal) =>
          (await consumer.receive(max, signal)).map((delivery): Delivery => ({ ...delivery, lapses: 0 })),
      }),
  },
  {
    id: 'M-abort-loses',
    title: 'abandons a take on abort; what it brings is seen by nobody',
    killedBy: ['A15'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async receive({ consumer }, max, signal) {
          const got = await consumer.receive(max, signal)
          // The reply crosses the abort: the broker has leased, nobody reads.
          await Promise.resolve()
          await new Promise<void>((done) => setImmediate(done))
          return signal.aborted ? [] : got
        },
      }),
  },
  {
    id: 'M-abort-doubles',
    title: 'gives on abort what it holds, and puts it back as well',
    killedBy: ['A15'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async receive({ consumer, adapter, queue }, max, signal) {
          const got = await consumer.receive(max, signal)
          await new Promise<void>((done) => setImmediate(done))
          if (signal.aborted)
            await adapter.send(
              queue,
              got.map(({ message }) => ({ ...message, id: `${message.id}-again`, name: 'again', delayMs: 0 })),
            )
          return got
        },
      }),
  },
  {
    id: 'M-abort-late',
    title: 'comes back 400 ms after the abort',
    killedBy: ['A15'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async receive({ consumer }, max, signal) {
          const got = await consumer.receive(max, signal)
          if (got.length === 0) await systemClock.sleep(400)
          return got
        },
      }),
  },
  {
    id: 'M-close-keeps',
    title: 'closes a consumer without giving back what it holds',
    killedBy: ['A9'],
    over: 'timed',
    sabotage: (factory) => sabotage(factory, { closeConsumer: async () => {} }),
  },
]
