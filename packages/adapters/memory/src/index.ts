/** Switchyard on memory: the embedded broker without a file, and the executable specification of the adapter seam. */
export { adapterFromUrl } from './adapter-from-url.ts'
export type { CapabilityValues } from './capabilities.ts'
export { imitate } from './capabilities.ts'
export type { MemoryOptions } from './memory.ts'
export { memory } from './memory.ts'
export { MemoryBroker } from './memory-broker.ts'
