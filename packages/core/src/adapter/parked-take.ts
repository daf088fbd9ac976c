/**
 * Never cancel a take; park it. A poll that may lease messages (SQS long poll, Postgres fetch) must not be aborted: what
 * it leased would be hidden until the lease ends (30 of 30 aborted SQS polls did that). Abort answers at once and leaves the
 * take running; what it brings waits for the next `receive`, or is handed to `giveBack` by `close`.
 */
export interface ParkedTake<Item> {
  /** Waits for 1..max items. Rejects with the take's own error. One call at a time. */
  receive(max: number, signal: AbortSignal): Promise<readonly Item[]>
  /** Ends the take in flight through its own signal, awaits it, and returns everything that nobody received. */
  close(): Promise<readonly Item[]>
}

/** `take` resolves with up to `max` items, waits for the first, and may resolve empty; its signal means "come back soon". */
export function parkedTake<Item>(take: (max: number, stop: AbortSignal) => Promise<readonly Item[]>): ParkedTake<Item> {
  const stop = new AbortController()
  const buffer: Item[] = []
  let flight: Promise<void> | null = null
  let failure: { readonly error: unknown } | null = null

  const start = (max: number): Promise<void> =>
    take(max, stop.signal)
      .then(
        (items) => void buffer.push(...items),
        (error: unknown) => {
          failure = { error }
        },
      )
      .finally(() => {
        flight = null
      })

  return {
    async receive(max, signal) {
      while (buffer.length === 0 && !signal.aborted && !stop.signal.aborted) {
        if (failure !== null) {
          const { error } = failure
          failure = null
          throw error
        }
        flight ??= start(max)
        await raceAbort(flight, signal)
      }
      return buffer.splice(0, max)
    },
    async close() {
      stop.abort()
      await flight
      return buffer.splice(0)
    },
  }
}

/** Resolves when `work` does or as soon as `signal` aborts; leaves no listener behind. `work` must not reject. */
function raceAbort(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
    void work.then(done)
  })
}
