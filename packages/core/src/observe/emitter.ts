import { type Channel, channel } from 'node:diagnostics_channel'
import { isThenable } from '../runtime/is-thenable.ts'
import type { LogFields, Logger } from '../runtime/logger.ts'
import { silentLogger } from '../runtime/logger.ts'
import type { YardEventName, YardEvents } from './events.ts'

/** Levels of the log line that each event writes; what is routine is debug. */
const LEVELS: { readonly [Name in YardEventName]: 'debug' | 'info' | 'warn' | 'error' } = {
  'job.enqueued': 'debug',
  'job.started': 'debug',
  'job.completed': 'info',
  'job.retried': 'warn',
  'job.released': 'info',
  'job.put-back': 'warn',
  'job.dead': 'error',
  'job.overrun': 'error',
  'lease.lost': 'warn',
  'settle.unknown': 'error',
  'job.replayed': 'info',
  'job.discarded': 'warn',
  'worker.started': 'info',
  'worker.stopping': 'info',
  'worker.stopped': 'info',
  'worker.stalled': 'error',
  'broker.fault': 'warn',
}

const CHANNELS: ReadonlyMap<YardEventName, Channel> = new Map(
  (Object.keys(LEVELS) as YardEventName[]).map((name) => [name, channel(`switchyard:${name}`)]),
)

/** Stops listening. */
export type Unsubscribe = () => void

/**
 * Typed events of one yard. A listener that throws or rejects is reported to the log and disturbs nobody, and so does a
 * logger that throws. Every event also goes to
 * `diagnostics_channel` (`switchyard:<name>`) and to the log as one line.
 */
export class Emitter {
  readonly #listeners = new Map<YardEventName, Set<(event: never) => void>>()
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  on<Name extends YardEventName>(name: Name, listener: (event: YardEvents[Name]) => void): Unsubscribe {
    let set = this.#listeners.get(name)
    if (set === undefined) {
      set = new Set()
      this.#listeners.set(name, set)
    }
    set.add(listener)
    return () => void set.delete(listener)
  }

  /** Whether anybody would notice; lets hot paths skip building the event. */
  wanted(name: YardEventName): boolean {
    return (
      this.#log !== silentLogger ||
      (this.#listeners.get(name)?.size ?? 0) > 0 ||
      (CHANNELS.get(name)?.hasSubscribers ?? false)
    )
  }

  emit<Name extends YardEventName>(name: Name, event: YardEvents[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        const result = (listener as (event: YardEvents[Name]) => unknown)(event)
        if (isThenable(result)) result.then(undefined, (error: unknown) => this.#listenerFailed(name, error))
      } catch (error) {
        this.#listenerFailed(name, error)
      }
    }
    const published = CHANNELS.get(name)
    if (published?.hasSubscribers) published.publish(event)
    if (this.#log !== silentLogger) this.#write(LEVELS[name], { event: name, ...event }, name)
  }

  #listenerFailed(name: YardEventName, error: unknown): void {
    this.#write('error', { event: name, error: shown(error) }, 'an event listener failed')
  }

  #write(level: keyof Logger, fields: LogFields, message: string): void {
    try {
      this.#log[level](fields, message)
    } catch {
      // A logger that fails has nobody to tell; jobs must not suffer from it.
    }
  }
}

function shown(error: unknown): string {
  try {
    return String(error)
  } catch {
    return 'something that cannot be shown'
  }
}
