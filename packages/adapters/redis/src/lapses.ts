import type { Cancel } from '@switchyard/core/adapter'
import type { Context } from './context.ts'
import { toBrokerError } from './errors.ts'

/** Hears that leases of these jobs, taken before `before` (host clock), have ended. */
export type OnLapsed = (ids: ReadonlySet<string>, before: number) => void

interface Watch {
  readonly listeners: Set<OnLapsed>
  cancel: Cancel
}

/**
 * Puts back what lapsed, for every queue that somebody here consumes: BullMQ's script runs once per interval for all
 * workers together. A look marks what is active; the next one takes what is marked and has no lock any more.
 */
export class Lapses {
  readonly #context: Context
  readonly #watched = new Map<string, Watch>()

  constructor(context: Context) {
    this.#context = context
  }

  /** Looks now and at every interval. Returns the way to stop. */
  watch(queue: string, listener: OnLapsed): () => void {
    let watch = this.#watched.get(queue)
    if (watch === undefined) {
      watch = { listeners: new Set(), cancel: () => undefined }
      this.#watched.set(queue, watch)
      void this.#look(queue, watch)
    }
    const mine = watch
    mine.listeners.add(listener)
    return () => {
      mine.listeners.delete(listener)
      if (mine.listeners.size > 0) return
      mine.cancel()
      if (this.#watched.get(queue) === mine) this.#watched.delete(queue)
    }
  }

  async #look(queue: string, watch: Watch): Promise<void> {
    const { host, queues, main, settings } = this.#context
    const before = host.clock.now()
    try {
      if (main.isReady) {
        const lapsed = (await queues.backend(queue).moveStalledJobsToWait()) as readonly string[]
        if (lapsed.length > 0) for (const listener of [...watch.listeners]) listener(new Set(lapsed), before)
      }
    } catch (error) {
      const fault = toBrokerError(error, { doing: 'look for lapsed leases', queue, writes: false })
      if (fault.code !== 'unavailable') host.report(fault)
    }
    if (this.#watched.get(queue) !== watch) return
    watch.cancel = host.clock.schedule(settings.stalledIntervalMs, () => void this.#look(queue, watch))
  }
}
