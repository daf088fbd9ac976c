import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { BrokerError } from './broker-error.ts'
import type { Capabilities } from './capabilities.ts'

/**
 * Seam 1. Pull, batched, fenced: core owns demand, policy, leases and drain; an adapter translates.
 * Every plural is plural: there are no single-item variants. An adapter never decides policy, never retries a call that
 * may have been applied, never logs a body, and takes time, timers and chance only from `AdapterHost.clock`.
 */

/** Configuration is data; opening is deferred. An Adapter that exists is open. First connect fails typed within 10 s. */
export type AdapterFactory<Tx = never> = (host: AdapterHost) => Promise<Adapter<Tx>>

/** What core lends to an adapter. */
export interface AdapterHost {
  readonly clock: Clock
  readonly log: Logger
  /** Every call settles within this (default 30 000); past it, BrokerError `timeout` with `maybeApplied: true`. */
  readonly callDeadlineMs: number
  /** First connect gives up after this (default 10 000) with a typed error. */
  readonly connectDeadlineMs: number
  /** Background faults: connection lost, topology gone. Never throws. */
  report(fault: BrokerError): void
}

/** One open connection to one broker. Safe for concurrent calls. */
export interface Adapter<Tx = never> {
  /** The broker's word: `memory`, `sqlite`, `redis`, `rabbitmq`, `sqs`, `postgres`. */
  readonly name: string
  readonly capabilities: Capabilities
  /** Make the queue exist with these properties. Idempotent, safe to call concurrently and from several processes. */
  declare(queue: QueueSpec): Promise<void>
  /** Durable when it resolves (or when `tx` commits). One result per message, in order. No retries inside. */
  send(queue: string, messages: readonly Message[], tx?: Tx): Promise<readonly SendResult[]>
  /** Open one consumer. The queue must have been declared (by anyone). */
  consume(queue: string, options: ConsumeOptions): Promise<Consumer<Tx>>
  stats(queue: string): Promise<QueueStats>
  /** Remove what `capabilities.purge` says. Leased messages of others may still be settled as `lost`. */
  purge(queue: string): Promise<void>
  /** Idempotent. Consumers still open are closed first. Calls after it fail with code `closed`. */
  close(): Promise<void>
  /** Present exactly when `capabilities.browse`: look without taking. */
  browse?(queue: string, page: BrowsePage): Promise<BrowseResult>
}

/** Leases messages of one queue to one worker. */
export interface Consumer<Tx = never> {
  /**
   * Waits for 1..max deliveries; one call at a time. After abort it resolves within 50 ms with what it already holds
   * (perhaps nothing). Anything that the broker leases to us later waits for the next receive, or for close.
   * While the broker is away it waits and reconnects rather than rejecting; it rejects only when it can never deliver
   * again (closed, queue gone, forbidden). In order within a batch where the broker has an order.
   */
  receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]>
  /**
   * One result per settlement, in order. `lost`: the lease was no longer ours and nothing changed.
   * With `tx`: all or nothing is the user's commit; core rolls back on `lost`.
   */
  settle(settlements: readonly Settlement[], tx?: Tx): Promise<readonly SettleResult[]>
  /** Renew leases for another leaseMs from now. Where lease is `connection`: says whether they still stand. */
  extend(deliveries: readonly Delivery[]): Promise<readonly SettleResult[]>
  /** Gives back everything held and unsettled, without a lapse where `capabilities.lapses` is `exact`. Idempotent. */
  close(): Promise<void>
}

/** An envelope with its delivery instructions. */
export interface Message {
  /** UUID made by core; the same id is the same message where `dedupe` is not `none`. */
  readonly id: string
  /** Job name, for people and native dashboards; never used for routing. */
  readonly name: string
  /** Encoded envelope: JSON text, kept byte for byte. Core escapes every control character, lone surrogate and U+FFFE/F. */
  readonly body: string
  /** 0 = now; core never exceeds `capabilities.maxDelayMs`. */
  readonly delayMs: number
  /** Messages of one key are delivered in order, one at a time; only where `ordering` is `key`. */
  readonly orderKey?: string
  /** Admit one: only where `capabilities.unique` names the scope. A refused one answers `duplicate`. */
  readonly unique?: Unique
}

/** The promise to admit one message per key: while it waits, until it is settled for good, or for a window from its send. */
export type Unique =
  | { readonly key: string; readonly while: 'queued' | 'active' }
  | { readonly key: string; readonly windowMs: number }

/** A message leased to us. */
export interface Delivery {
  /** `id` is the broker's: of a copy made by a composed retry or release it differs from the job's id in the envelope. */
  readonly message: { readonly id: string; readonly body: string }
  /** What the last retry or release left: JSON text of at most 4 096 bytes, core's own; null on a first delivery. */
  readonly note: string | null
  /** Leases of this message that ended unsettled before this one; null where `capabilities.lapses` is `none`. */
  readonly lapses: number | null
  /** Host clock, read before the call that leased it: core's deadline starts here, not when a buffer hands it over. */
  readonly leasedAt: number
  /** Unique to this lease; only its adapter looks inside. */
  readonly receipt: unknown
}

/**
 * The four ways to end a lease. Retry and release put the same message back and differ for native counters only;
 * attempts are core's, in the note. `note` absent means unchanged. Move sends `message` to queue `to` and completes.
 */
export type Settlement =
  | { readonly kind: 'complete'; readonly delivery: Delivery }
  | { readonly kind: 'retry'; readonly delivery: Delivery; readonly delayMs: number; readonly note?: string }
  | { readonly kind: 'release'; readonly delivery: Delivery; readonly delayMs: number; readonly note?: string }
  | { readonly kind: 'move'; readonly delivery: Delivery; readonly to: string; readonly message: Message }

/** `accepted`: durable as declared. `duplicate`: already there, nothing stored. An error concerns this message only. */
export type SendResult = 'accepted' | 'duplicate' | BrokerError

/** `lost`: the lease had ended and nothing changed. */
export type SettleResult = 'settled' | 'lost' | BrokerError

/** Properties with which a queue exists. Lane and dead queues are ordinary queues with names made by `queue-names.ts`. */
export interface QueueSpec {
  readonly name: string
  readonly leaseMs: number
  /** Order keys will be used; only where `ordering` is `key`. */
  readonly ordered: boolean
  /** Completed ids are remembered this long; 0 = only while queued. */
  readonly dedupeMs: number
}

/** How to consume one queue. */
export interface ConsumeOptions {
  readonly leaseMs: number
  /** Most deliveries leased and not yet handed over by `receive`; 0 = lease only what `receive` asks for. */
  readonly prefetch: number
  /** Keep every other consumer out, or fail with code `conflict`; only where `capabilities.exclusive`. */
  readonly exclusive?: boolean
  /** Told at most once per delivery, as soon as the adapter knows that its lease ended unsettled. Never throws. */
  lost(deliveries: readonly Delivery[]): void
}

/** A counted or estimated number, and when it was true (epoch ms). */
export interface Figure {
  readonly value: number
  readonly exact: boolean
  readonly asOf: number
}

/** What waits in a queue; null where the broker cannot say. */
export interface QueueStats {
  readonly ready: Figure | null
  readonly leased: Figure | null
  readonly delayed: Figure | null
  /** Age of the oldest ready message in ms. */
  readonly oldestReadyMs: Figure | null
}

/** Where to look and how much to return at most. */
export interface BrowsePage {
  readonly state: 'ready' | 'delayed' | 'leased'
  /** From the last result; null starts at the front. */
  readonly cursor: string | null
  readonly limit: number
}

/** A message seen without taking it. */
export interface BrowsedMessage {
  readonly message: { readonly id: string; readonly body: string }
  readonly note: string | null
  readonly lapses: number | null
  /** When it is or was due (epoch ms); null where unknown. */
  readonly dueAt: number | null
}

/** One page; `cursor` null means the end. */
export interface BrowseResult {
  readonly messages: readonly BrowsedMessage[]
  readonly cursor: string | null
}
