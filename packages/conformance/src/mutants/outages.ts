import type { Delivery } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import type { Mutant } from './mutant.ts'
import { sabotage } from './sabotage.ts'

/** An adapter that does nothing, or refuses everything, may be green nowhere. */
const EVERY: readonly string[] = Array.from({ length: 42 }, (_, index) => `A${index + 1}`)

/** Breaks what must hold through cuts and restarts, or does nothing at all. */
export const outageMutants: readonly Mutant[] = [
  {
    id: 'M-cut-loses-leased',
    title: 'a cut loses what was leased on the connection',
    killedBy: ['A13'],
    over: 'connection',
    sabotage: (factory) => factory,
    broker: 'loses-at-cut',
  },
  {
    id: 'M-restart-loses',
    title: 'declares to survive a kill of the broker and comes back empty',
    killedBy: ['A14'],
    over: 'timed',
    sabotage: (factory) => factory,
    broker: 'loses-at-restart',
  },
  {
    id: 'M-fault-deaf',
    title: 'never receives again once the connection broke',
    killedBy: ['A13', 'A14'],
    over: 'timed',
    sabotage: (factory) => async (host) => {
      let broken = false
      const report = (fault: BrokerError) => {
        broken = true
        host.report(fault)
      }
      const deaf = (signal: AbortSignal) =>
        new Promise<readonly Delivery[]>((resolve) =>
          signal.addEventListener('abort', () => resolve([]), { once: true }),
        )
      return sabotage(factory, {
        receive: ({ consumer }, max, signal) => (broken ? deaf(signal) : consumer.receive(max, signal)),
      })({ ...host, report })
    },
  },
  {
    id: 'M-fault-untold',
    title: 'loses its connection and tells nobody',
    killedBy: ['A13', 'A14'],
    over: 'timed',
    sabotage: (factory) => (host) => factory({ ...host, report() {} }),
  },
  {
    id: 'M-settled-after-cut',
    title: 'answers settled for leases that ended with the connection',
    killedBy: ['A13'],
    over: 'connection',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: async ({ consumer }, settlements) =>
          (await consumer.settle(settlements)).map((result) => (result === 'lost' ? 'settled' : result)),
      }),
  },
  {
    id: 'M-lost-told-twice',
    title: 'tells lost() twice about one delivery',
    killedBy: ['A13'],
    over: 'connection',
    sabotage: (factory) =>
      sabotage(factory, {
        consumeOptions: (options) => ({
          ...options,
          lost(deliveries) {
            options.lost(deliveries)
            options.lost(deliveries)
          },
        }),
      }),
  },
  {
    id: 'M-null',
    title: 'accepts everything and delivers nothing',
    killedBy: EVERY,
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: async (_, __, messages) => messages.map(() => 'accepted'),
        settle: async (_, settlements) => settlements.map(() => 'settled'),
      }),
  },
  {
    id: 'M-refuse-all',
    title: 'refuses everything, typed',
    killedBy: EVERY,
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        send: async (_, queue, messages) =>
          messages.map(() => new BrokerError({ code: 'unsupported', adapter: 'mutant', queue, message: 'no' })),
      }),
  },
]
