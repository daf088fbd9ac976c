/** Calls under way at once; a third waits and travels with everything that comes in the meantime. */
const LANES = 2

interface Waiting<Item, Answer> {
  readonly items: readonly Item[]
  readonly done: (answers: readonly Answer[]) => void
  readonly failed: (error: unknown) => void
}

/**
 * Merges calls that would wait anyway. Each statement costs a commit on disk, so many single sends at once
 * share statements; a call that comes alone goes at once. Answers come back item by item; a failed call fails all that shared it.
 */
export class Coalescer<Item, Answer> {
  readonly #run: (items: readonly Item[]) => Promise<readonly Answer[]>
  readonly #most: number
  #waiting: Waiting<Item, Answer>[] = []
  #running = 0

  /** `most` items at most are merged; a single larger call stays whole. */
  constructor(most: number, run: (items: readonly Item[]) => Promise<readonly Answer[]>) {
    this.#most = most
    this.#run = run
  }

  add(items: readonly Item[]): Promise<readonly Answer[]> {
    return new Promise((done, failed) => {
      this.#waiting.push({ items, done, failed })
      if (this.#running < LANES) void this.#next()
    })
  }

  async #next(): Promise<void> {
    const calls = this.#merge()
    if (calls.length === 0) return
    this.#running += 1
    try {
      const answers = await this.#run(calls.flatMap(({ items }) => items))
      let from = 0
      for (const { items, done } of calls) {
        done(answers.slice(from, from + items.length))
        from += items.length
      }
    } catch (error) {
      for (const { failed } of calls) failed(error)
    }
    this.#running -= 1
    void this.#next()
  }

  #merge(): readonly Waiting<Item, Answer>[] {
    let size = 0
    const cut = this.#waiting.findIndex(({ items }, index) => {
      size += items.length
      return index > 0 && size > this.#most
    })
    return this.#waiting.splice(0, cut === -1 ? this.#waiting.length : cut)
  }
}
