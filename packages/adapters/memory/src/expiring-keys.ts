import { Heap } from './heap.ts'

/** Keys that are remembered until a time; forgetting costs a little at every `add`, never a sweep. */
export class ExpiringKeys {
  readonly #until = new Map<string, number>()
  readonly #order = new Heap<{ readonly key: string; readonly at: number }>((left, right) => left.at < right.at)

  has(key: string, now: number): boolean {
    const until = this.#until.get(key)
    return until !== undefined && until > now
  }

  add(key: string, until: number, now: number): void {
    this.#until.set(key, until)
    this.#order.push({ key, at: until })
    for (let first = this.#order.peek(); first !== undefined && first.at <= now; first = this.#order.peek()) {
      this.#order.pop()
      if (this.#until.get(first.key) === first.at) this.#until.delete(first.key)
    }
  }
}
