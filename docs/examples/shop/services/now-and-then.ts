/**
 * True for the first request of every n-th id: services have bad moments, and a handler that never met one is not tested. The
 * same id is not refused twice. `every` 0: never.
 */
export function nowAndThen(every: number): (id: string) => boolean {
  const seen = new Set<string>()
  return (id) => {
    if (every === 0 || seen.has(id)) return false
    seen.add(id)
    return seen.size % every === 0
  }
}
