import type { FSWatcher } from 'node:fs'
import { chmodSync, closeSync, futimesSync, mkdirSync, openSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { AdapterHost, Cancel } from '@switchyard/core/adapter'
import type { OpenDatabase } from './open-database.ts'
import { FLOOR_MS } from './sqlite-capabilities.ts'

interface Bell {
  descriptor: number | null
  watcher: FSWatcher | null
  readonly listeners: Set<() => void>
}

/**
 * How consumers in other processes hear of a commit: a side file per queue whose times the sender touches, watched with
 * fs.watch (0.6 ms, no idle CPU; watching the -wal file instead wakes at every commit of every queue). The folder `FILE-bells` holds
 * them, named by the queue's number, never by its name. What no bell tells (a crash before it rang, a user's own transaction, a network
 * file system) is seen in `PRAGMA data_version` within 250 ms.
 */
export class Bells {
  readonly #folder: string
  readonly #mode: number
  readonly #host: AdapterHost
  readonly #readVersion: () => number
  readonly #bells = new Map<number, Bell>()
  #floor: Cancel | null = null
  #version: number
  #warned = false

  constructor(database: OpenDatabase, host: AdapterHost) {
    this.#folder = `${database.file}-bells`
    // Whoever may write the database may ring.
    this.#mode = statSync(database.file).mode & 0o666
    this.#host = host
    const version = database.db.prepare('PRAGMA data_version')
    this.#readVersion = () => Number(version.get()?.data_version)
    this.#version = this.#readVersion()
  }

  /** Calls `listen` whenever something may have become available in the queue. Returns how to stop. */
  listen(queue: number, listen: () => void): () => void {
    const bell = this.#bell(queue)
    bell.listeners.add(listen)
    if (bell.watcher === null) this.#watch(queue, bell)
    this.#startFloor()
    return () => {
      bell.listeners.delete(listen)
      if (bell.listeners.size > 0) return
      bell.watcher?.close()
      bell.watcher = null
    }
  }

  /** After a commit: wakes the consumers of these queues, here and in other processes. */
  ring(queues: ReadonlySet<number>): void {
    for (const queue of queues) {
      const bell = this.#bell(queue)
      for (const listener of [...bell.listeners]) listener()
      try {
        bell.descriptor ??= this.#open(queue)
        const seconds = this.#host.clock.now() / 1_000
        futimesSync(bell.descriptor, seconds, seconds)
      } catch (error) {
        this.#warn(error)
      }
    }
  }

  /** Stops watching and closes every side file. */
  close(): void {
    this.#floor?.()
    this.#floor = null
    for (const bell of this.#bells.values()) {
      bell.watcher?.close()
      bell.listeners.clear()
      if (bell.descriptor !== null) closeSync(bell.descriptor)
    }
    this.#bells.clear()
  }

  #bell(queue: number): Bell {
    let bell = this.#bells.get(queue)
    if (bell === undefined) {
      bell = { descriptor: null, watcher: null, listeners: new Set() }
      this.#bells.set(queue, bell)
    }
    return bell
  }

  #open(queue: number): number {
    const path = join(this.#folder, String(queue))
    try {
      return openSync(path, 'r+')
    } catch {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      const descriptor = openSync(path, 'a', this.#mode)
      // Exactly the rights of the database, whatever the umask: a folder needs x where a file needs r.
      chmodSync(this.#folder, this.#mode | ((this.#mode & 0o444) >> 2))
      chmodSync(path, this.#mode)
      return descriptor
    }
  }

  #watch(queue: number, bell: Bell): void {
    try {
      bell.descriptor ??= this.#open(queue)
      bell.watcher = watch(join(this.#folder, String(queue)), { persistent: false }, () => {
        for (const listener of [...bell.listeners]) listener()
      })
      bell.watcher.on('error', (error) => this.#warn(error))
    } catch (error) {
      this.#warn(error)
    }
  }

  /** The slow look. It runs while anybody listens. */
  #startFloor(): void {
    this.#floor ??= this.#host.clock.schedule(FLOOR_MS, () => {
      this.#floor = null
      const listeners = [...this.#bells.values()].flatMap((bell) => [...bell.listeners])
      if (listeners.length === 0) return
      this.#startFloor()
      if (this.#changed()) for (const listener of listeners) listener()
    })
  }

  #changed(): boolean {
    try {
      const version = this.#readVersion()
      if (version === this.#version) return false
      this.#version = version
    } catch {
      // Busy while another process recovers the file: look again next time.
      return false
    }
    return true
  }

  #warn(error: unknown): void {
    if (this.#warned) return
    this.#warned = true
    const message = `no bell in ${this.#folder}: other processes hear of new messages within ${FLOOR_MS} ms instead of at once`
    this.#host.log.warn({ adapter: 'sqlite', error: String(error) }, message)
  }
}
