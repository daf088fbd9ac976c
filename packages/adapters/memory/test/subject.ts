import type { Subject } from '@switchyard/conformance'
import type { CapabilityValues } from '@switchyard/memory'
import { MemoryBroker, memory } from '@switchyard/memory'

/** Memory under one manifest; with `cut` where leases are tied to connections, since then a cut means something. */
export function subjectWith(capabilities: Partial<CapabilityValues>): Subject {
  let broker = new MemoryBroker()
  return {
    name: 'memory',
    open: () => memory({ broker, capabilities }),
    async start() {
      broker = new MemoryBroker()
      return {
        options: null,
        shared: false,
        absent: 'embedded: no connection, and a restart of the process keeps nothing',
        ...(capabilities.lease === 'connection' ? { cut: async () => broker.cut() } : {}),
        async [Symbol.asyncDispose]() {},
      }
    },
  }
}

/** Memory with everything that it can do. */
export const subject: Subject = subjectWith({})
