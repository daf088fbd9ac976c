const SMALLEST = 16

/** A ring buffer: both ends in constant time, no array that shifts. Positions are absolute, so that a browse cursor survives takes. */
export class Deque<Item> {
  #ring: (Item | undefined)[] = new Array(SMALLEST).fill(undefined)
  #head = 0
  #start = 0
  length = 0

  /** Absolute position of the first item; moves by one with every shift and unshift. */
  get start(): number {
    return this.#start
  }

  push(item: Item): void {
    if (this.length === this.#ring.length) this.#resize(this.length * 2)
    this.#ring[(this.#head + this.length) & (this.#ring.length - 1)] = item
    this.length += 1
  }

  unshift(item: Item): void {
    if (this.length === this.#ring.length) this.#resize(this.length * 2)
    this.#head = (this.#head - 1) & (this.#ring.length - 1)
    this.#ring[this.#head] = item
    this.#start -= 1
    this.length += 1
  }

  shift(): Item | undefined {
    if (this.length === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#start += 1
    this.length -= 1
    const capacity = this.#ring.length
    if (capacity > 1_024 && this.length < capacity >> 3) this.#resize(capacity >> 1)
    return item
  }

  /** The item `offset` places behind the first. */
  at(offset: number): Item | undefined {
    if (offset < 0 || offset >= this.length) return undefined
    return this.#ring[(this.#head + offset) & (this.#ring.length - 1)]
  }

  /** Exchanges the first item with the one `offset` places behind it: a random take in constant time. */
  swap(offset: number): void {
    const mask = this.#ring.length - 1
    const other = (this.#head + offset) & mask
    const first = this.#ring[this.#head]
    this.#ring[this.#head] = this.#ring[other]
    this.#ring[other] = first
  }

  /** Empties it and returns what was inside, first to last. */
  clear(): Item[] {
    const items: Item[] = []
    for (let item = this.shift(); item !== undefined; item = this.shift()) items.push(item)
    return items
  }

  #resize(capacity: number): void {
    const ring: (Item | undefined)[] = new Array(capacity).fill(undefined)
    for (let index = 0; index < this.length; index += 1) ring[index] = this.at(index)
    this.#ring = ring
    this.#head = 0
  }
}
