import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { GuardCall, GuardReply, GuardRequest } from './guard-protocol.ts'

interface Waiting {
  resolve(): void
  reject(error: Error): void
}

const SCRIPT = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './guard-process.ts' : './guard-process.js', import.meta.url),
)

/**
 * Our end of the guard process that owns one broker (see guard-process.ts). It never keeps our process alive by itself: when we go, the
 * guard kills the broker.
 */
export class Guard {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #endings = new Map<string, Set<(how: string) => void>>()
  #next = 1
  #gone: Error | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (message: GuardReply) => this.#hear(message))
    child.on('error', (error) => this.#lost(error))
    child.on('exit', (code, signal) => this.#lost(new Error(`the broker's guard process ended (${signal ?? code})`)))
  }

  /** Starts a guard for the data folder `dir`, which it removes at the end. `id` marks its processes. */
  static async launch(dir: string, id: string): Promise<Guard> {
    const { NODE_OPTIONS: _, NODE_V8_COVERAGE: __, ...env } = process.env
    const child = fork(SCRIPT, [dir, id], {
      env,
      execArgv: [],
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const guard = new Guard(child)
    child.unref()
    await guard.#wait(0)
    return guard
  }

  /** Sends a call and waits for its end. Rejects with the guard's reason, or when the guard is gone. */
  async call(call: GuardCall): Promise<void> {
    const id = this.#next++
    const done = this.#wait(id)
    if (this.#gone === undefined) {
      const request: GuardRequest = { id, call }
      this.#child.send(request, (error) => {
        if (error !== null) this.#settle(id, error)
      })
    }
    await done
  }

  /** Calls back once when the program of that name ends. Answers a function that stops listening. */
  onEnd(name: string, listener: (how: string) => void): () => void {
    const set = this.#endings.get(name) ?? new Set()
    this.#endings.set(name, set)
    set.add(listener)
    return () => set.delete(listener)
  }

  #wait(id: number): Promise<void> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone)
    this.#child.channel?.ref() // an answer under way keeps us alive, an idle guard does not
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
  }

  #hear(message: GuardReply): void {
    if ('id' in message) {
      this.#settle(message.id, message.error === undefined ? undefined : new Error(message.error))
      return
    }
    const listeners = [...(this.#endings.get(message.ended) ?? [])]
    this.#endings.delete(message.ended)
    for (const listener of listeners) listener(message.how)
  }

  #settle(id: number, error: Error | undefined): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#child.channel?.unref()
    if (error === undefined) waiting?.resolve()
    else waiting?.reject(error)
  }

  #lost(error: Error): void {
    this.#gone ??= error
    for (const id of [...this.#waiting.keys()]) this.#settle(id, this.#gone)
  }
}
