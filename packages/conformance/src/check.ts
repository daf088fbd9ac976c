import type { BrokerErrorCode, SendResult, SettleResult } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { ClauseBroken } from './case.ts'

/** Fails the case unless `holds`; `message` says what was expected and what was seen. */
export function check(holds: boolean, message: string): asserts holds {
  if (!holds) throw new ClauseBroken(message)
}

/** Fails the case unless both print the same JSON (keys in order). */
export function same(seen: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(seen), JSON.stringify(expected)]
  if (
    left !== right &&
    Array.isArray(seen) &&
    Array.isArray(expected) &&
    seen.length === expected.length &&
    seen.length > 8
  ) {
    const at = seen.findIndex((one, index) => JSON.stringify(one) !== JSON.stringify(expected[index]))
    same(seen[at], expected[at], `${what}, item ${at + 1} of ${seen.length}`)
  }
  check(left === right, `${what}: expected ${right}, saw ${left}`)
}

/** The answer as a word: results that are errors become `error <code>`. */
export function word(result: SendResult | SettleResult): string {
  return typeof result === 'string' ? result : `error ${result.code} (${result.message})`
}

/**
 * Fails unless the call is refused with one of `codes`: as a rejection, or as a result of every item. Resolves with nothing:
 * whether something was stored all the same is for the caller to look at.
 */
export async function refused(call: Promise<unknown>, codes: readonly BrokerErrorCode[], what: string): Promise<void> {
  const wanted = `a BrokerError with code ${codes.join(' or ')}`
  let answer: unknown
  try {
    answer = await call
  } catch (error) {
    check(error instanceof BrokerError, `${what}: expected ${wanted}, it threw ${String(error)}`)
    check(codes.includes(error.code), `${what}: expected ${wanted}, it threw code ${error.code} (${error.message})`)
    return
  }
  const items: readonly unknown[] = Array.isArray(answer) ? answer : [answer]
  for (const item of items) {
    const code = item instanceof BrokerError ? item.code : undefined
    check(
      code !== undefined && codes.includes(code),
      `${what}: expected ${wanted}, it answered ${code ?? JSON.stringify(item) ?? 'nothing'}`,
    )
  }
}

/** The same promise, for calls that are awaited later: should the case fail first, their rejection is not an unhandled one. */
export function later<Value>(call: Promise<Value>): Promise<Value> {
  call.catch(() => {})
  return call
}
