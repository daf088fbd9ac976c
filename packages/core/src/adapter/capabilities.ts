/** How an adapter comes by a capability: the broker's own, built on top of it (with a cost), or not at all. */
export type Support = 'native' | 'emulated' | 'unsupported'

/** One declared fact: its value, how the adapter provides it, and why that is true (source, cost, limits). */
export interface Capability<Value> {
  readonly value: Value
  readonly support: Support
  readonly why: string
}

/** Which `unique` promises (`{ while: 'queued' }`, `{ while: 'active' }`, `{ windowMs }`) the adapter keeps exactly. */
export type UniqueScope = 'queued' | 'active' | 'window'

/**
 * What one adapter on one broker really does, as data. Core reads it to refuse what cannot be kept; the conformance
 * suite holds the adapter to it in both directions; the documentation matrix is printed from it.
 * Durations are milliseconds; `Infinity` means "no limit".
 */
export interface Capabilities {
  /** What an accepted message outlives. `nothing`: the process end loses it. */
  readonly survives: Capability<'nothing' | 'process' | 'broker-kill' | 'power-loss'>
  /** `timed`: expires unless extended. `connection`: lasts as long as the consumer's connection. */
  readonly lease: Capability<'timed' | 'connection'>
  readonly minLeaseMs: Capability<number>
  readonly maxLeaseMs: Capability<number>
  /** A lapsed lease is available again at most this much after its end (idle system, defaults). */
  readonly maxLapseLateMs: Capability<number>
  /** The broker itself refuses a stale receipt. Otherwise only the adapter's local deadline does. */
  readonly fenced: Capability<boolean>
  /** A changed note on retry and release: stored in place, composed (copy confirmed, then original completed), or impossible. */
  readonly note: Capability<'atomic' | 'composed' | 'unsupported'>
  readonly retry: Capability<'atomic' | 'composed'>
  readonly release: Capability<'atomic' | 'composed'>
  readonly move: Capability<'atomic' | 'composed'>
  /** `exact`; `over`: may also count hand-backs; `none`: the broker cannot tell. */
  readonly lapses: Capability<'exact' | 'over' | 'none'>
  /** Longest `delayMs` of `send`; 0: none. Core re-parks longer ones. */
  readonly maxDelayMs: Capability<number>
  /** Longest `delayMs` of retry and release. */
  readonly maxReleaseDelayMs: Capability<number>
  /** A delay is never cut short, and at most this much late when idle. */
  readonly delayGrainMs: Capability<number>
  /** How many delayed messages one queue holds at most. */
  readonly maxDelayed: Capability<number>
  /** Whose clock decides that a delay is over. */
  readonly dueClock: Capability<'broker' | 'client'>
  /** `queue`: FIFO while one consumer takes; `key`: same orderKey one at a time, in order; `none`. */
  readonly ordering: Capability<'none' | 'queue' | 'key'>
  /** How long a second send of the same id is swallowed. */
  readonly dedupe: Capability<'none' | 'while-queued' | 'window'>
  /** `send` answers `duplicate` when it swallowed one. */
  readonly reportsDuplicates: Capability<boolean>
  readonly unique: Capability<readonly UniqueScope[]>
  /** `send` and `settle` accept the user's transaction. */
  readonly transactions: Capability<boolean>
  readonly browse: Capability<boolean>
  /** `consume({ exclusive: true })` keeps every other consumer out. */
  readonly exclusive: Capability<boolean>
  /** What `purge` removes. */
  readonly purge: Capability<'all' | 'ready'>
  readonly maxBodyBytes: Capability<number>
  /** Messages per native send call; longer batches are split by the adapter. */
  readonly sendBatch: Capability<number>
  /** Consumers per worker and queue that raise throughput. */
  readonly receivers: Capability<number>
  /** How long a waiting message is kept before the broker drops it. */
  readonly retentionMs: Capability<number>
}

/** Declares a capability that the broker itself has. */
export function native<Value>(value: Value, why: string): Capability<Value> {
  return { value, support: 'native', why }
}

/** Declares a capability that the adapter builds; `why` names the cost and the limits. */
export function emulated<Value>(value: Value, why: string): Capability<Value> {
  return { value, support: 'emulated', why }
}

/** Declares that there is none; `value` is the empty value (0, false, 'none', []). */
export function unsupported<Value>(value: Value, why: string): Capability<Value> {
  return { value, support: 'unsupported', why }
}
