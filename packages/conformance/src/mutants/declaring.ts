import type { AdapterFactory, Capabilities } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import type { Mutant } from './mutant.ts'
import { sabotage } from './sabotage.ts'

/** Connections of M-manifest-drift so far. */
let opened = 0

/** Breaks the manifest, the opening, and what `declare` and names promise. */
export const declaringMutants: readonly Mutant[] = [
  {
    id: 'M-manifest-extra',
    title: 'declares a capability that nobody knows',
    killedBy: ['A22'],
    over: 'timed',
    sabotage: (factory) => declaring(factory, (declared) => ({ ...declared, priorities: declared.browse })),
  },
  {
    id: 'M-manifest-missing',
    title: 'leaves a capability out that no other clause reads',
    killedBy: ['A22'],
    over: 'timed',
    sabotage: (factory) =>
      declaring(
        factory,
        ({ retentionMs: _, ...declared }) => declared as Omit<Capabilities, 'retentionMs'> as Capabilities,
      ),
  },
  {
    id: 'M-manifest-nonsense',
    title: 'declares a value that is none',
    killedBy: ['A22'],
    over: 'timed',
    sabotage: (factory) =>
      declaring(factory, (declared) => ({ ...declared, receivers: { ...declared.receivers, value: Number.NaN } })),
  },
  {
    id: 'M-manifest-drift',
    title: 'declares something else on the next connection',
    killedBy: ['A22'],
    over: 'timed',
    sabotage: (factory) =>
      declaring(factory, (declared) => {
        opened += 1
        return { ...declared, receivers: { ...declared.receivers, value: opened } }
      }),
  },
  {
    id: 'M-declare-empties',
    title: 'makes a queue anew when it is declared again',
    killedBy: ['A23'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        async declare(adapter, spec) {
          await adapter.declare(spec)
          await adapter.purge(spec.name)
        },
      }),
  },
  {
    id: 'M-declare-race',
    title: 'fails when two declare one queue at once',
    killedBy: ['A23'],
    over: 'timed',
    sabotage(factory) {
      const busy = new Set<string>()
      return sabotage(factory, {
        async declare(adapter, spec) {
          const { name } = spec
          if (busy.has(name))
            throw new BrokerError({ code: 'conflict', adapter: 'mutant', queue: name, message: 'relation exists' })
          busy.add(name)
          try {
            await new Promise((resolve) => setImmediate(resolve))
            await adapter.declare(spec)
          } finally {
            busy.delete(name)
          }
        },
      })
    },
  },
  {
    id: 'M-name-fold',
    title: 'writes the dot of a lane as a dash',
    killedBy: ['A30'],
    over: 'timed',
    sabotage: (factory) => sabotage(factory, { queueName: (name) => name.replaceAll('.', '-') }),
  },
  {
    id: 'M-name-cut',
    title: 'cuts names at 60 letters',
    killedBy: ['A30'],
    over: 'timed',
    sabotage: (factory) => sabotage(factory, { queueName: (name) => name.slice(0, 60) }),
  },
  {
    id: 'M-open-untyped',
    title: 'rejects with a plain error when there is no broker',
    killedBy: ['A35'],
    over: 'timed',
    sabotage: (factory) => failing(factory, 'unavailable', () => new Error('connect ECONNREFUSED 127.0.0.1:1')),
  },
  {
    id: 'M-open-secret',
    title: 'puts the password into the error',
    killedBy: ['A35'],
    over: 'timed',
    sabotage: (factory) =>
      failing(factory, 'unavailable', ({ cause }) => {
        const message = `cannot log in at 127.0.0.1:1 with password ${String(cause)}`
        return new BrokerError({ code: 'unavailable', adapter: 'mutant', message })
      }),
  },
  {
    id: 'M-open-for-ever',
    title: 'tries to connect for ever',
    killedBy: ['A35'],
    over: 'timed',
    sabotage: (factory) => failing(factory, 'unavailable', () => new Promise(() => {})),
  },
  {
    id: 'M-forbidden-unavailable',
    title: 'calls refused credentials an outage, so that everybody waits for its end',
    killedBy: ['A36'],
    over: 'timed',
    sabotage: (factory) =>
      failing(
        factory,
        'forbidden',
        () => new BrokerError({ code: 'unavailable', adapter: 'mutant', message: 'connection closed' }),
      ),
  },
]

function declaring(factory: AdapterFactory, change: (declared: Capabilities) => Capabilities): AdapterFactory {
  return sabotage(factory, { capabilities: change })
}

/** Replaces the error with which opening fails. */
function failing(
  factory: AdapterFactory,
  code: BrokerError['code'],
  replace: (error: BrokerError) => Error | Promise<Error>,
): AdapterFactory {
  return async (host) => {
    try {
      return await factory(host)
    } catch (error) {
      throw error instanceof BrokerError && error.code === code ? await replace(error) : error
    }
  }
}
