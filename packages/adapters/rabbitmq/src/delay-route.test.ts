import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DELAY_LEVELS, delayRoute, destinationPattern, levelPattern, longestDelayMs } from './delay-route.ts'

/** The chain as the server runs it: topic matching of the bindings that topology.ts makes. */
function travel(delayMs: number, unitMs: number, queue: string): { waitedMs: number; arrives: boolean } {
  const { level, routingKey } = delayRoute(delayMs, unitMs, queue)
  let waitedMs = 0
  for (let at = level; at >= 0; at -= 1) {
    const [waits, passes] = [matches(levelPattern(at, '1'), routingKey), matches(levelPattern(at, '0'), routingKey)]
    expect(waits).not.toBe(passes)
    if (waits) waitedMs += unitMs * 2 ** at
  }
  return { waitedMs, arrives: matches(destinationPattern(queue), routingKey) }
}

function matches(pattern: string, key: string): boolean {
  const regex = pattern.split('.').map((word) => (word === '*' ? '[^.]+' : word === '#' ? '.*' : word))
  return new RegExp(`^${regex.join('\\.')}$`).test(key)
}

describe('delay route', () => {
  test('any delay waits at least as long and less than one unit longer, and arrives', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: longestDelayMs(10) }),
        fc.integer({ min: 1, max: 30 }),
        (delayMs, unitMs) => {
          fc.pre(delayMs <= longestDelayMs(unitMs))
          const { waitedMs, arrives } = travel(delayMs, unitMs, 'payments.high')
          expect(arrives).toBe(true)
          expect(waitedMs).toBeGreaterThanOrEqual(delayMs)
          expect(waitedMs).toBeLessThan(delayMs + unitMs)
        },
      ),
    )
  })

  test('the longest delay uses every level; the key fits into 255 bytes with the longest names', () => {
    expect(delayRoute(longestDelayMs(10), 10, 'q').level).toBe(DELAY_LEVELS - 1)
    const longest = `${'p'.repeat(60)}${'q'.repeat(60)}.critical`
    expect(delayRoute(1, 10, longest).routingKey.length).toBeLessThan(255)
  })

  test('a queue called high does not get what is for payments.high', () => {
    const { routingKey } = delayRoute(20, 10, 'payments.high')
    expect(matches(destinationPattern('high'), routingKey)).toBe(false)
    expect(matches(destinationPattern('payments'), routingKey)).toBe(false)
  })
})
