import { type AdapterHost, baseName } from '@switchyard/core/adapter'
import { Bell } from './bell.ts'
import { Link } from './link.ts'
import type { Settings } from './options.ts'

interface Shared {
  readonly bell: Bell
  users: number
}

/** One bell, and so one connection, per queue with its lanes and its dead queue, while somebody consumes from them. */
export class Bells {
  readonly #settings: Settings
  readonly #host: AdapterHost
  readonly #main: Link
  readonly #open = new Map<string, Shared>()

  constructor(settings: Settings, host: AdapterHost, main: Link) {
    this.#settings = settings
    this.#host = host
    this.#main = main
  }

  /** The bell of a queue, and the way to give it back. Rejects with a BrokerError when its connection cannot be opened. */
  async hold(queue: string): Promise<{ readonly bell: Bell; release(): Promise<void> }> {
    const base = baseName(queue)
    let shared = this.#open.get(base)
    if (shared === undefined) {
      const waiting = new Link(this.#settings, this.#host, 'waiting')
      shared = { bell: new Bell({ clock: this.#host.clock, main: this.#main, waiting }), users: 0 }
      this.#open.set(base, shared)
      // until it is there, and whenever it is not, whoever waits polls
      waiting.open().catch((error) => this.#host.report(error))
    }
    const { bell } = shared
    const mine = shared
    mine.users += 1
    return {
      bell,
      release: async () => {
        mine.users -= 1
        if (mine.users > 0) return
        this.#open.delete(base)
        await bell.close()
      },
    }
  }
}
