import { Deque } from './deque.ts'
import type { Entry } from './entry.ts'

interface Line {
  head: Entry
  readonly behind: Deque<Entry>
}

/** One line per order key: its head waits, is delayed or is leased; everybody else stands behind it, in order of arrival. */
export class OrderKeys {
  readonly #lines = new Map<string, Line>()
  /** How many stand behind a head. */
  behind = 0

  /** True when the entry is the head of its line and may be scheduled; false when it stands behind. */
  join(entry: Entry, key: string): boolean {
    const line = this.#lines.get(key)
    if (line === undefined) {
      this.#lines.set(key, { head: entry, behind: new Deque() })
      return true
    }
    line.behind.push(entry)
    this.behind += 1
    return false
  }

  /** A composed copy stands right behind the original that it will replace. */
  joinBehindHead(entry: Entry, key: string): boolean {
    const line = this.#lines.get(key)
    if (line === undefined) return this.join(entry, key)
    line.behind.unshift(entry)
    this.behind += 1
    return false
  }

  /** The head is gone for good: answers who must be scheduled now. */
  leave(entry: Entry, key: string): Entry | undefined {
    const line = this.#lines.get(key)
    if (line === undefined || line.head !== entry) return undefined
    const next = line.behind.shift()
    if (next === undefined) {
      this.#lines.delete(key)
      return undefined
    }
    this.behind -= 1
    line.head = next
    return next
  }

  /** Everybody who stands behind a head and matches leaves; answers who did. */
  purge(matches: (entry: Entry) => boolean): Entry[] {
    const gone: Entry[] = []
    for (const { behind } of this.#lines.values()) {
      for (const entry of behind.clear()) {
        if (matches(entry)) gone.push(entry)
        else behind.push(entry)
      }
    }
    this.behind -= gone.length
    return gone
  }

  /** Everybody who stands behind a head. */
  *waiting(): Generator<Entry> {
    for (const { behind } of this.#lines.values())
      for (let offset = 0; offset < behind.length; offset += 1) yield behind.at(offset) as Entry
  }
}
