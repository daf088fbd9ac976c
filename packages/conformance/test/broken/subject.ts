import { BrokerError } from '@switchyard/core/adapter'
import { MemoryBroker, memory } from '@switchyard/memory'
import { sabotage } from '../../src/mutants/sabotage.ts'
import type { Subject } from '../../src/subject.ts'

// Broken in the way that the query of its URL names: `subject.ts?how=exits-in-settle`.
const how = new URL(import.meta.url).searchParams.get('how') ?? 'healthy'

if (how === 'throws-at-import') throw new Error('no such setting: ACME_URL')
if (how === 'exits-at-import') process.exit(0)
if (how === 'blocks-at-import') for (;;);
if (how === 'prints') console.log('acme connected\nacme ready')

const never = new Promise<never>(() => {})
const broker = new MemoryBroker()
const healthy = memory({ broker })

const opens: Readonly<Record<string, () => ReturnType<Subject['open']>>> = {
  'factory-throws': () => {
    throw new Error('acme is not configured')
  },
  'factory-rejects': () => () => Promise.reject(new Error('acme is not configured')),
  'factory-hangs': () => () => never,
  'no-connection': () => () =>
    Promise.reject(new BrokerError({ code: 'unavailable', adapter: 'acme', message: 'connection refused' })),
  'exits-in-settle': () =>
    sabotage(healthy, {
      settle: () => process.exit(0),
    }),
  'blocks-in-settle': () =>
    sabotage(healthy, {
      settle: () => {
        for (;;);
      },
    }),
  'settle-hangs': () => sabotage(healthy, { settle: () => never }),
  'rejects-behind': () =>
    sabotage(healthy, {
      settle({ consumer }, settlements) {
        void Promise.reject(new Error('the reply of an old channel'))
        return consumer.settle(settlements)
      },
    }),
  'no-adapter': () => async () => undefined as never,
}

export const subject: Subject | undefined =
  how === 'no-subject'
    ? undefined
    : {
        name: how === 'no-name' ? '' : 'acme',
        open: () => opens[how]?.() ?? healthy,
        ...(how === 'deviates' ? { deviations: [{ clause: 'A3', reason: 'acme forgets' }] } : {}),
        ...(how === 'deviates-nowhere' ? { deviations: [{ clause: 'A999', reason: 'acme forgets' }] } : {}),
        async start() {
          if (how === 'no-broker') throw new Error('connect ECONNREFUSED 127.0.0.1:1')
          if (how === 'exits-at-start') process.exit(0)
          return {
            options: how === 'options-not-json' ? (undefined as never) : null,
            shared: false,
            absent: 'embedded',
            ...(how === 'misspelt-hook' ? { kut: async () => {} } : {}),
            async [Symbol.asyncDispose]() {},
          }
        },
      }
