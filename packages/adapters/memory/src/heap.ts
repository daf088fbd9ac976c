/** A binary min-heap; equal items leave in any order, so `before` must break ties. */
export class Heap<Item> {
  readonly #items: Item[] = []
  readonly #before: (left: Item, right: Item) => boolean

  constructor(before: (left: Item, right: Item) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  /** The least item, left inside. */
  peek(): Item | undefined {
    return this.#items[0]
  }

  push(item: Item): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = items[up] as Item
      if (!this.#before(item, parent)) break
      items[at] = parent
      at = up
    }
    items[at] = item
  }

  pop(): Item | undefined {
    const items = this.#items
    const least = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return least
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      if (down >= items.length) break
      const right = down + 1
      if (right < items.length && this.#before(items[right] as Item, items[down] as Item)) down = right
      const child = items[down] as Item
      if (!this.#before(child, last)) break
      items[at] = child
      at = down
    }
    items[at] = last
    return least
  }

  /** Empties it and returns what was inside, in no order. */
  clear(): Item[] {
    return this.#items.splice(0)
  }

  /** What is inside, in no order. */
  values(): readonly Item[] {
    return this.#items
  }
}
