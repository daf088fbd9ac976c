import type { AdapterFactory } from '@switchyard/core/adapter'
import { native } from '@switchyard/core/adapter'
import type { CapabilityValues } from '@switchyard/memory'
import { MemoryBroker, memory } from '@switchyard/memory'
import type { Mutant } from '../src/mutants/index.ts'
import { sabotage } from '../src/mutants/index.ts'
import type { Subject } from '../src/subject.ts'

/** What lies under the mutants, by `Mutant.over`. */
export const MANIFESTS: Readonly<Record<Mutant['over'], Partial<CapabilityValues>>> = {
  timed: {},
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
  },
  readyPurge: { purge: 'ready' },
}

/** A broker in this process that can be cut and restarted; memory keeps its state through both, unless the mutant says otherwise. */
export function subjectOver(over: Mutant['over'], mutant?: Mutant): Subject {
  let broker = new MemoryBroker()
  const healthy = (): AdapterFactory =>
    sabotage(memory({ broker, capabilities: MANIFESTS[over] }), {
      capabilities: (declared) => ({
        ...declared,
        survives: native('broker-kill', 'the state outlives a simulated kill'),
      }),
    })
  const lose = (when: Mutant['broker']) => {
    if (mutant?.broker === when) broker.empty()
  }
  return {
    name: mutant?.id ?? `memory ${over}`,
    open: () => mutant?.sabotage(healthy()) ?? healthy(),
    async start() {
      broker = new MemoryBroker()
      return {
        options: null,
        shared: false,
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
