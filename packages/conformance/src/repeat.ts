import type { Case, CaseResult } from './case.ts'

/** The cases so many times; each round in an order of its own where there is a seed. */
export function rounds(
  chosen: readonly Case[],
  { repeat, seed }: { readonly repeat: number; readonly seed: number | null },
): readonly Case[] {
  const next = seed === null ? null : drawFrom(seed)
  return Array.from({ length: repeat }, () => (next === null ? chosen : shuffled(chosen, next))).flat()
}

/** One result per case, in the order of `chosen`: repetitions that do not all end alike make it flaky. */
export function combined(chosen: readonly Case[], results: readonly CaseResult[]): readonly CaseResult[] {
  return chosen.flatMap((one) => {
    const own = results.filter(({ id }) => id === one.id)
    const [first] = own
    if (first === undefined) return []
    const ms = own.reduce((sum, result) => sum + result.ms, 0)
    const other = own.find(({ status }) => status !== first.status)
    if (other === undefined) return [{ ...(own.at(-1) ?? first), ms }]
    const told = own.map(({ status, why }, index) => `${index + 1}: ${status}${why === undefined ? '' : ` (${why})`}`)
    return [{ ...first, status: 'flaky' as const, why: `repetitions disagree: ${told.join('; ')}`, ms }]
  })
}

function shuffled<Value>(values: readonly Value[], next: () => number): readonly Value[] {
  const deck = [...values]
  for (let index = deck.length - 1; index > 0; index -= 1) {
    const other = Math.floor(next() * (index + 1))
    const [a, b] = [deck[index] as Value, deck[other] as Value]
    deck[index] = b
    deck[other] = a
  }
  return deck
}

/** Mulberry32: small, and good enough to shuffle. */
function drawFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
