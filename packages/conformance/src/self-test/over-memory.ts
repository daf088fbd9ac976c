import type { AdapterFactory, Capabilities } from '@switchyard/core/adapter'
import { BrokerError, native } from '@switchyard/core/adapter'
import type { Mutant } from '../mutants/mutant.ts'
import { sabotage } from '../mutants/sabotage.ts'
import type { Json, Subject } from '../subject.ts'

/** The values of a manifest, without support and reasons. */
export type ManifestValues = { readonly [Name in keyof Capabilities]?: Capabilities[Name]['value'] }

/** One broker in this process. */
export interface EmbeddedBroker {
  open(manifest: ManifestValues): AdapterFactory
  /** Ends every connection. */
  cut(): void
  /** Forgets every message. */
  empty(): void
}

/** What the self-test stands on: `@switchyard/memory`, handed in so that this package does not depend on it. */
export type MakeBroker = () => EmbeddedBroker

/** What lies under the mutants, by `Mutant.over`. */
export const MANIFESTS: Readonly<Record<Mutant['over'], ManifestValues>> = {
  timed: { maxBodyBytes: 1_048_576 },
  connection: { lease: 'connection' },
  queue: { ordering: 'queue' },
  bare: {
    ordering: 'none',
    dedupe: 'none',
    reportsDuplicates: false,
    maxDelayMs: 2_000,
    note: 'unsupported',
    unique: [],
    exclusive: false,
    browse: false,
    maxBodyBytes: 65_536,
  },
  readyPurge: { purge: 'ready' },
}

const SECRET = 'hush-9c2e'

/** A broker in this process that can be cut and restarted; it keeps its state through both, unless the mutant says otherwise. */
export function subjectOver(make: MakeBroker, over: Mutant['over'], mutant?: Mutant): Subject {
  let broker = make()
  const healthy = (): AdapterFactory =>
    sabotage(broker.open(MANIFESTS[over]), {
      capabilities: (declared) => ({
        ...declared,
        survives: native('broker-kill', 'the state outlives a simulated kill'),
      }),
    })
  const lose = (when: Mutant['broker']) => {
    if (mutant?.broker === when) broker.empty()
  }
  return {
    name: mutant?.id ?? `healthy ${over}`,
    open: (options) => mutant?.sabotage(opened(options, healthy())) ?? opened(options, healthy()),
    async start() {
      broker = make()
      return {
        options: null,
        shared: false,
        unreachable: () => 'unreachable',
        forbidden: () => 'forbidden',
        secrets: [SECRET],
        async cut() {
          lose('loses-at-cut')
          broker.cut()
        },
        async restart() {
          lose('loses-at-restart')
          broker.cut()
        },
        async [Symbol.asyncDispose]() {},
      }
    },
  }
}

/** A broker without an address: the options say how opening fails. */
function opened(options: Json, healthy: AdapterFactory): AdapterFactory {
  if (options !== 'unreachable' && options !== 'forbidden') return healthy
  const code = options === 'forbidden' ? 'forbidden' : 'unavailable'
  const error = new BrokerError({ code, adapter: 'memory', message: 'no way in', cause: SECRET })
  return () => Promise.reject(error)
}
