import { BATCH, MAX_MESSAGE_BYTES } from './capabilities.ts'

/** Batches in flight at once for one call of the seam. */
const SIDE_BY_SIDE = 12

/** Splits by ten entries and by the bytes that one request may have; keeps the order. */
export function batchesOf<Item>(items: readonly Item[], bytesOf: (item: Item) => number): readonly (readonly Item[])[] {
  const batches: Item[][] = []
  let current: Item[] = []
  let bytes = 0
  for (const item of items) {
    const more = bytesOf(item)
    if (current.length === BATCH || (current.length > 0 && bytes + more > MAX_MESSAGE_BYTES)) current = []
    if (current.length === 0) {
      batches.push(current)
      bytes = 0
    }
    current.push(item)
    bytes += more
  }
  return batches
}

/** Runs `work` on all, at most so many at once; `work` must not reject. */
export async function sideBySide<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
  atOnce: number = SIDE_BY_SIDE,
): Promise<void> {
  const queue = items.values()
  const lane = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane))
}

/** Failed entries by their number. */
export function failuresOf<Failed extends { readonly Id: string | undefined }>(
  failed: readonly Failed[] | undefined,
): ReadonlyMap<number, Failed> {
  return new Map((failed ?? []).map((entry) => [Number(entry.Id), entry]))
}
