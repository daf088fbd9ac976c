import type { AdapterFactory } from '@switchyard/core/adapter'
import type { CapabilityValues } from './capabilities.ts'
import { declareCapabilities, invalid } from './capabilities.ts'
import { MemoryAdapter } from './memory-adapter.ts'
import { MemoryBroker } from './memory-broker.ts'

/** How `memory` behaves. */
export interface MemoryOptions {
  /** Share state with other adapters; absent: one broker for everything that this factory opens. */
  readonly broker?: MemoryBroker
  /** Weaker values than memory's own; behaviour follows. `imitate(manifest)` takes over another adapter's. */
  readonly capabilities?: Partial<CapabilityValues>
}

const OPTIONS: ReadonlySet<string> = new Set(['broker', 'capabilities'])

/**
 * The embedded broker without a file: for tests, the simulator and as the executable specification of the seam. Takes time
 * and chance only from the host's clock. Throws `invalid` for an unknown option or a capability that memory cannot play.
 */
export function memory(options: MemoryOptions = {}): AdapterFactory<never> {
  for (const name of Object.keys(options))
    if (!OPTIONS.has(name))
      throw invalid(`memory has no option ${JSON.stringify(name)}; it has broker and capabilities`)
  const capabilities = declareCapabilities(options.capabilities ?? {})
  const broker = options.broker ?? new MemoryBroker()
  return async (host) => new MemoryAdapter(broker, capabilities, host)
}
