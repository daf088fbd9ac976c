import type { AdapterFactory } from '@switchyard/core/adapter'

/** A deliberately broken adapter, and the clauses that must notice. */
export interface Mutant {
  readonly id: string
  /** What it does wrong. */
  readonly title: string
  /** Clause ids that must fail on it, each of them. */
  readonly killedBy: readonly string[]
  /** The manifest that the healthy adapter under it should declare: `timed` (everything), `connection`, `queue`, `bare`, `readyPurge`. */
  readonly over: 'timed' | 'connection' | 'queue' | 'bare' | 'readyPurge'
  /** Wraps the healthy adapter. */
  sabotage(factory: AdapterFactory): AdapterFactory
  /** Damage that the broker does when it is cut or restarted, instead of the adapter. */
  readonly broker?: 'loses-at-restart' | 'loses-at-cut'
}
