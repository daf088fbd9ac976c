/** Levels of the delay chain: with a unit of 10 ms, 2^28 - 1 units are 31 days. */
export const DELAY_LEVELS = 28

/** Where a delayed message enters the chain, and the key that leads it through. */
export interface DelayRoute {
  /** Highest level that the message waits in: it enters at that level's exchange. */
  readonly level: number
  readonly routingKey: string
}

/** Longest delay for a unit: every level once. */
export function longestDelayMs(unitMs: number): number {
  return unitMs * (2 ** DELAY_LEVELS - 1)
}

/**
 * Binary decomposition, rounded up so that nothing comes early. Word i of the key belongs to level `DELAY_LEVELS - 1 - i`:
 * `1` waits there, `0` passes by. The destination is the last word. `delayMs` must be above 0 and at most `longestDelayMs`.
 */
export function delayRoute(delayMs: number, unitMs: number, queue: string): DelayRoute {
  const units = Math.ceil(delayMs / unitMs)
  const bits = units.toString(2)
  return {
    level: bits.length - 1,
    routingKey: `${[...bits.padStart(DELAY_LEVELS, '0')].join('.')}.${destination(queue)}`,
  }
}

/** The binding by which level `level` keeps (`1`) or passes on (`0`). */
export function levelPattern(level: number, bit: '0' | '1'): string {
  return `${'*.'.repeat(DELAY_LEVELS - 1 - level)}${bit}.#`
}

/** The binding by which the end of the chain reaches a queue. */
export function destinationPattern(queue: string): string {
  return `#.${destination(queue)}`
}

/** One word: with its dots, `#.high` of a queue `high` would also take what is meant for `payments.high`. */
function destination(queue: string): string {
  return queue.replaceAll('.', '/')
}
