import type { Consumer, Delivery, Settlement, SettleResult } from '@switchyard/core/adapter'
import { breath } from './breath.ts'
import { ClauseBroken } from './case.ts'
import { check, word } from './check.ts'
import { identityOf } from './letter.ts'

/** A consumer in the hands of a case: takes with deadlines, settles with checks, remembers what it was told was lost. */
export interface Taker {
  readonly consumer: Consumer
  /** What `ConsumeOptions.lost` was told. */
  readonly lost: readonly Delivery[]
  /** Exactly `count` deliveries within `withinMs`; fails the case when fewer come. Never takes more. */
  take(count: number, options: TakeOptions): Promise<Delivery[]>
  /** Whatever comes within `windowMs`, at most `max`. */
  during(windowMs: number, max?: number): Promise<Delivery[]>
  /** Settles and fails unless every answer is `settled`. */
  settled(settlements: readonly Settlement[], what: string): Promise<void>
  /** Completes and fails unless every answer is `settled`. */
  complete(deliveries: readonly Delivery[]): Promise<void>
}

/** How long to wait and for what, in words for the failure. */
export interface TakeOptions {
  readonly withinMs: number
  readonly what: string
}

/** Wraps a consumer; `lost` is the array that its options push to. */
export function takerOf(consumer: Consumer, lost: readonly Delivery[]): Taker {
  const collect = async (count: number, withinMs: number): Promise<Delivery[]> => {
    const got: Delivery[] = []
    const signal = AbortSignal.timeout(withinMs)
    while (got.length < count && !signal.aborted) {
      const batch = await consumer.receive(count - got.length, signal)
      if (batch.length > count - got.length)
        throw new ClauseBroken(`receive(${count - got.length}) gave ${batch.length}: more than asked for`)
      if (batch.length === 0 && !signal.aborted)
        throw new ClauseBroken('receive resolved empty although nobody aborted')
      got.push(...batch)
      if (got.length < count) await breath()
    }
    return got
  }
  const settled = async (settlements: readonly Settlement[], what: string): Promise<void> => {
    const results: readonly SettleResult[] = await consumer.settle(settlements)
    check(
      results.length === settlements.length && results.every((result) => result === 'settled'),
      `${what}: expected ${settlements.length} x settled, saw [${results.map(word).join(', ')}]`,
    )
  }
  return {
    consumer,
    lost,
    async take(count, { withinMs, what }) {
      const got = await collect(count, withinMs)
      check(
        got.length === count,
        `${what}: expected ${count} deliveries within ${withinMs} ms, saw ${got.length} [${got.map(identityOf).join(', ')}]`,
      )
      return got
    },
    during: (windowMs, max = 1_000) => collect(max, windowMs),
    settled,
    complete: (deliveries) =>
      settled(
        deliveries.map((delivery) => ({ kind: 'complete', delivery })),
        'complete',
      ),
  }
}
